//! How does a test run a program on a host and see what it says?

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::WAIT_LIMIT;

/// How long until a program is looked at again that has not ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A running program. Killed when dropped; what it said is printed if the test fails.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a command; all that it prints goes to its log.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let log = env::temp_dir().join(format!("weir-{}-{number}-{name}.log", std::process::id()));
        let file = File::create(&log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        match child {
            Ok(child) => Ok(Self { name: name.to_owned(), child, log }),
            Err(error) => {
                let _ = fs::remove_file(&log);
                Err(io::Error::other(format!("{command:?}: {error}")))
            }
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has printed so far.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn log(&self) -> io::Result<String> {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Sends it a signal, as in `TERM`.
    ///
    /// # Errors
    /// When there is no such process or signal.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let status = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -{name}: {status}"))) }
    }

    /// Kills it (`kill -9`) and waits for its end.
    ///
    /// # Errors
    /// When the system does not let it be killed.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        self.child.try_wait().map(|status| status.is_some())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// `TimedOut` after [`WAIT_LIMIT`](crate::WAIT_LIMIT).
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() > WAIT_LIMIT {
                let message = format!("{} still runs after {WAIT_LIMIT:?}", self.name);
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            // Nothing tells when another process ends, unless all children are waited for.
            thread::park_timeout(BETWEEN_LOOKS);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.kill();
        if thread::panicking() {
            // Past the harness's capture of other threads' output; nobody to tell is no reason to panic twice.
            let said = self.log().unwrap_or_default();
            let _ = writeln!(io::stderr(), "--- {} said:\n{said}--- end of {}", self.name, self.name);
        }
        let _ = fs::remove_file(&self.log);
    }
}
