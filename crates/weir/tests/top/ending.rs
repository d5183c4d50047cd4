//! Is the terminal as it was, however it ends? And does it go on while the server does not?

use crate::{
    common::{WEIR, folder, texts},
    server::Server,
    terminal::Terminal,
};
use rustix::{process::Signal, termios::Termios};
use std::{fs, process::Command};

fn modes(termios: &Termios) -> impl PartialEq + std::fmt::Debug + use<> {
    let kept = (termios.input_modes, termios.output_modes, termios.control_modes, termios.local_modes);
    (kept, format!("{:?}", termios.special_codes))
}

fn start(server: &Server) -> Terminal {
    let terminal = Terminal::start((80, 24), &["--socket", &server.socket()]);
    terminal.wait_for("default/web");
    terminal
}

/// Ends it in some way; returns the exit code once the terminal was found as it had been.
fn end(how: impl FnOnce(&Terminal)) -> Option<i32> {
    let server = Server::new();
    // Modes before: of a terminal that no program has changed.
    let mut idle = Terminal::start((80, 24), &["--socket", "/nowhere/at/all"]);
    idle.ended();
    let mut terminal = start(&server);
    assert!(terminal.look(|screen| screen.alternate_screen() && screen.hide_cursor()));
    assert_ne!(modes(&terminal.modes()), modes(&idle.modes()));
    how(&terminal);
    let status = terminal.ended();
    assert_eq!(modes(&terminal.modes()), modes(&idle.modes()));
    terminal.look(|screen| {
        assert!(!screen.alternate_screen() && !screen.hide_cursor());
        assert!(!screen.bracketed_paste() && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None);
        assert_eq!(screen.contents(), "", "nothing is left on the screen");
    });
    status.code()
}

#[test]
fn q_and_ctrl_c_leave_the_terminal_as_it_was() {
    assert_eq!(end(|terminal| terminal.press("q")), Some(0));
    assert_eq!(end(|terminal| terminal.press("\u{3}")), Some(0));
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    assert_eq!(end(|terminal| terminal.signal(Signal::TERM)), Some(143));
    assert_eq!(end(|terminal| terminal.signal(Signal::HUP)), Some(129));
    assert_eq!(end(|terminal| terminal.signal(Signal::INT)), Some(130));
}

#[test]
fn a_terminal_that_is_closed_ends_it() {
    let server = Server::new();
    let mut terminal = start(&server);
    terminal.close();
    assert!(!terminal.ended().success());
}

#[test]
fn a_stop_gives_the_terminal_back_until_it_goes_on() {
    let server = Server::new();
    let terminal = start(&server);
    terminal.press("\u{1a}");
    // There is no shell with job control here, so that the kernel may pass over the stop: it comes back at once then.
    terminal.wait_until("the other screen", |_| terminal.has_written(b"\x1b[?1049l"));
    terminal.signal(Signal::CONT);
    terminal.wait_until("the screen again", |_| terminal.look(vt100::Screen::alternate_screen));
    terminal.wait_for("default/web");
}

#[test]
fn a_weir_that_is_killed_is_called_stale_keys_go_on_and_the_next_weir_is_seen() {
    let mut server = Server::new();
    let mut terminal = start(&server);
    server.kill();
    terminal.wait_for("STALE since 02:30:0");
    terminal.wait_for("shop/mail");
    terminal.press("?");
    terminal.wait_for("weir top: keys");
    terminal.press("?");
    server.with(|state| state.node.pid = 4712);
    server.begin_again();
    terminal.wait_for("another weir answers");
    terminal.wait_until("fresh", |lines| {
        !lines.concat().contains("STALE") && lines.concat().contains("shop/mail")
    });
    server.kill();
    terminal.wait_for("STALE");
    terminal.press("q");
    assert_eq!(terminal.ended().code(), Some(0));
}

#[test]
fn a_weir_that_falls_silent_stops_no_key() {
    let server = Server::new();
    let mut terminal = start(&server);
    server.with(|state| state.is_silent = true);
    terminal.wait_for("STALE since");
    terminal.press("j");
    terminal.wait_until("the next line", |lines| {
        lines.iter().any(|line| line.starts_with('>') && line.contains("checkout"))
    });
    terminal.press("q");
    assert_eq!(terminal.ended().code(), Some(0));
}

#[test]
fn without_a_terminal_it_says_what_to_use_and_the_exit_code_is_2() {
    let output = weir_testkit::output(Command::new(WEIR).arg("top"), "").unwrap();
    let (stdout, stderr) = texts(&output);
    assert_eq!((&*stdout, output.status.code()), ("", Some(2)), "{stderr}");
    assert!(stderr.contains("needs a terminal") && stderr.contains("weir status"), "{stderr}");
    let mut dumb = Terminal::start_with((250, 24), &[], &[("TERM", "dumb")]);
    assert_eq!(dumb.ended().code(), Some(2));
    dumb.wait_for("cannot move its cursor");
}

#[test]
fn without_a_weir_one_line_says_so_and_the_terminal_is_not_taken() {
    let folder = folder();
    let socket = folder.join("admin.sock").display().to_string();
    let mut terminal = Terminal::start((200, 24), &["--socket", &socket]);
    assert_eq!(terminal.ended().code(), Some(1));
    terminal.wait_for("no weir runs here");
    assert!(!terminal.has_written(b"\x1b[?1049h"));
    fs::remove_dir_all(folder).unwrap();
}
