//! How does a test run an example as a user does: as a process of its own?

use std::{path::Path, process::Command};
use weir_testkit::Program;

/// A running example; it is killed when this is dropped.
pub(crate) struct Example(Program);

impl Example {
    /// Starts an example and reads its standard output line by line.
    pub(crate) fn start(name: &str, arguments: &[String]) -> Self {
        Self(Program::piped(name, &mut command(name, arguments)).unwrap())
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        self.0.line().unwrap().expect("the example prints no more lines")
    }

    /// Presses ctrl-c.
    pub(crate) fn interrupt(&self) {
        self.0.signal("INT").unwrap();
    }

    /// Whether it succeeded, without printing more.
    pub(crate) fn succeeds(mut self) -> bool {
        assert_eq!(self.0.line().unwrap(), None, "the example does not end");
        self.0.wait().unwrap().success()
    }
}

/// What an example that refuses its arguments prints to standard error.
pub(crate) fn refusal(name: &str, arguments: &[String]) -> String {
    let output = weir_testkit::output(&mut command(name, arguments), "").unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

fn command(name: &str, arguments: &[String]) -> Command {
    // Cargo puts examples beside the folder of the test programs.
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    let program = profile.join("examples").join(name);
    assert!(program.exists(), "{} is missing; `cargo test -p weir-examples` builds it", program.display());
    let mut command = Command::new(program);
    command.args(arguments).env_remove("RUST_BACKTRACE");
    command
}
