//! Which terminal does a program get in a test? A pseudo-terminal, whose screen is read as xterm would draw it.

use crate::common::{WEIR, wait_for};
use rustix::{
    fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open},
    io::{read, write},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    os::fd::OwnedFd,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard},
};
use weir_testkit::idle;

/// `weir top` in a terminal of its own, which is killed when dropped.
pub(crate) struct Terminal {
    /// Our end; `None` once the terminal has gone.
    ours: Option<OwnedFd>,
    theirs: Option<OwnedFd>,
    child: Child,
    seen: Mutex<Seen>,
}

/// What the program has written.
struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

impl Terminal {
    /// Starts `weir top` with these arguments in a terminal of so many columns and rows.
    pub(crate) fn start(size: (u16, u16), arguments: &[&str]) -> Self {
        Self::start_with(size, arguments, &[])
    }

    /// The same, with some more variables.
    pub(crate) fn start_with(size: (u16, u16), arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = open(&name, flags, Mode::empty()).unwrap();
        tcsetwinsize(&ours, winsize(size)).unwrap();
        fcntl_setfl(&ours, fcntl_getfl(&ours).unwrap() | OFlags::NONBLOCK).unwrap();
        // setsid(1) makes it the terminal of the program, as that of a shell is: signals come from there.
        let mut command = Command::new("setsid");
        let stdio = || Stdio::from(theirs.try_clone().unwrap());
        command.args(["--ctty", WEIR, "top"]).args(arguments).stdin(stdio()).stdout(stdio()).stderr(stdio());
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR").envs(variables.iter().copied());
        let child = command.spawn().unwrap();
        let parser = vt100::Parser::new(size.1, size.0, 0);
        Self {
            ours: Some(ours),
            theirs: Some(theirs),
            child,
            seen: Mutex::new(Seen { parser, bytes: Vec::new() }),
        }
    }

    /// Reads what the program has written so far.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        let mut seen = self.seen.lock().unwrap();
        let mut bytes = [0; 4096];
        while let Some(ours) = &self.ours
            && let Ok(count @ 1..) = read(ours, &mut bytes)
        {
            seen.parser.process(&bytes[..count]);
            seen.bytes.extend_from_slice(&bytes[..count]);
        }
        seen
    }

    /// Lines of the screen, without blanks at their ends.
    pub(crate) fn lines(&self) -> Vec<String> {
        let seen = self.seen();
        let screen = seen.parser.screen();
        screen.rows(0, screen.size().1).map(|row| row.trim_end().to_owned()).collect()
    }

    /// Looks at the screen.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.seen().parser.screen())
    }

    /// Whether the program has written these bytes.
    pub(crate) fn has_written(&self, bytes: &[u8]) -> bool {
        self.seen().bytes.windows(bytes.len()).any(|written| written == bytes)
    }

    /// Waits until a text is somewhere on the screen.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |lines| lines.iter().any(|line| line.contains(text)));
    }

    /// Waits until the screen is so.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&[String]) -> bool) {
        let start = std::time::Instant::now();
        while !is_so(&self.lines()) {
            assert!(
                start.elapsed() < weir_testkit::HANG,
                "{what} does not come:\n{}",
                self.lines().join("\n")
            );
            idle(std::time::Duration::from_millis(10));
        }
    }

    /// Presses keys, as a terminal sends them.
    pub(crate) fn press(&self, keys: &str) {
        assert_eq!(write(self.ours.as_ref().unwrap(), keys.as_bytes()).unwrap(), keys.len());
    }

    pub(crate) fn resize(&self, size: (u16, u16)) {
        self.seen().parser.screen_mut().set_size(size.1, size.0);
        tcsetwinsize(self.ours.as_ref().unwrap(), winsize(size)).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Closes the terminal, as an emulator that is closed does.
    pub(crate) fn close(&mut self) {
        (self.theirs, self.ours) = (None, None);
    }

    /// Modes of the terminal.
    pub(crate) fn modes(&self) -> Termios {
        tcgetattr(self.theirs.as_ref().unwrap()).unwrap()
    }

    /// Waits until the program has ended. What it writes is read meanwhile.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_for("the end", || {
            drop(self.seen());
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn winsize((columns, rows): (u16, u16)) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}
