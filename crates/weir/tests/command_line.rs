//! How does the built `weir` answer on its command line?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::WEIR;
use std::process::{Command, Output};

fn weir(arguments: &[&str]) -> Output {
    common::run(arguments, "")
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn help_shows_a_newcomer_what_to_type() {
    let output = weir(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    for line in [
        "weir demo",
        "weir run --kubeconfig ~/.kube/config --map loopback",
        "weir run --manifests ./manifests",
    ] {
        assert!(stdout(&output).contains(line), "{}", stdout(&output));
    }
}

#[test]
fn usage_errors_end_with_exit_code_2() {
    for arguments in [
        &[][..],
        &["fly"],
        &["run", "--workers", "0"],
        &["run", "--mode", "kernel"],
        &["run", "--manifests", "a", "--kubeconfig", "b"],
        &["run", "--config", "/nowhere"],
        &["resolve"],
        &["demo", "--endpoints", "0"],
    ] {
        let output = weir(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).is_empty() && stdout(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn variables_are_read_from_the_environment() {
    let output = weir_testkit::output(Command::new(WEIR).arg("run").env("WEIR_WORKERS", "257"), "").unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("error: variable WEIR_WORKERS: "), "{}", stderr(&output));
    assert!(stderr(&output).contains("1..=256"), "{}", stderr(&output));
}

#[test]
fn what_nobody_can_have_meant_is_refused_with_what_may_have_been_meant() {
    let mut misspelt = Command::new(WEIR);
    misspelt.arg("run").env("WEIR_WORKRES", "2");
    let mut flag = Command::new(WEIR);
    flag.args(["run", "--wrokers", "2"]);
    let mut level = Command::new(WEIR);
    level.args(["run", "--log-level", "inof"]);
    for (command, meant) in
        [(&mut misspelt, "WEIR_WORKERS"), (&mut flag, "--workers"), (&mut level, "\"info\"")]
    {
        let output = weir_testkit::output(command, "").unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(meant), "{}", stderr(&output));
    }
}
