//! Does a terminal come back as it was, also after a panic? Each test runs itself once more in a pseudo-terminal.

use super::*;
use rustix::{
    fs::{Mode, OFlags, open},
    io::read,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Termios, tcgetattr},
};
use std::{
    env,
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

/// Variable that tells a test that it is the one in the pseudo-terminal.
const WITHIN: &str = "WEIR_TEST_WITHIN_TERMINAL";

/// Modes and screen of a terminal after a test ran in it once more, and the modes before.
struct Ran {
    before: Termios,
    after: Termios,
    screen: vt100::Parser,
}

fn run_within_terminal(test: &str) -> Ran {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs: OwnedFd = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let before = tcgetattr(&theirs).unwrap();
    let stdio = || Stdio::from(theirs.try_clone().unwrap());
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(WITHIN, "yes")
        .env("RUST_BACKTRACE", "0")
        .stdin(stdio())
        .stdout(stdio())
        .stderr(stdio());
    let status = command.status().unwrap();
    let after = tcgetattr(&theirs).unwrap();
    assert!(!status.success(), "the test panics in there");
    drop((command, theirs));
    let mut screen = vt100::Parser::new(24, 80, 0);
    let mut bytes = [0; 4096];
    // It ends with an error once nobody has the other end.
    while let Ok(count @ 1..) = read(&ours, &mut bytes) {
        screen.process(&bytes[..count]);
    }
    Ran { before, after, screen }
}

#[test]
fn after_a_panic_the_terminal_is_as_it_was_and_what_the_panic_says_stays_on_the_screen() {
    if env::var_os(WITHIN).is_some() {
        let mut guard = TerminalGuard::take().unwrap();
        let raw = tcgetattr(std::io::stdin()).unwrap();
        assert!(!raw.local_modes.contains(LocalModes::ICANON));
        guard
            .draw(|frame| {
                let style = ratatui::style::Style::new();
                frame.buffer_mut().set_string(0, 0, "on the other screen", style);
            })
            .unwrap();
        guard.redraw().unwrap();
        panic!("all is lost");
    }
    let ran = run_within_terminal(
        "commands::top::guard::tests::after_a_panic_the_terminal_is_as_it_was_and_what_the_panic_says_stays_on_the_screen",
    );
    let modes = |termios: &Termios| {
        (termios.input_modes, termios.output_modes, termios.control_modes, termios.local_modes)
    };
    assert_eq!(modes(&ran.before), modes(&ran.after));
    let screen = ran.screen.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor());
    assert!(screen.contents().contains("all is lost"), "{}", screen.contents());
    assert!(!screen.contents().contains("on the other screen"));
}
