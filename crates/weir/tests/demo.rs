//! Does the demo show what it promises, end as it should, and leave nothing behind?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{HANG, WEIR, folder, get};
use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::PathBuf,
    process::Command,
};
use weir_testkit::Program;

/// A running demo that has said where its Service is, with a folder of its own for what it writes.
struct Demo {
    program: Program,
    service: SocketAddr,
    /// Where the Service's UDP port is.
    echo: (String, u16),
    folder: PathBuf,
}

impl Demo {
    fn start(flags: &[&str]) -> Self {
        let folder = folder();
        let mut command = Command::new(WEIR);
        command.arg("demo").args(flags).env("TMPDIR", &folder);
        let program = Program::piped("demo", &mut command).unwrap();
        let line = || program.line().unwrap().expect("a line to try");
        let curl = std::iter::repeat_with(line).find(|line| line.contains("curl http://")).unwrap();
        let service = curl.trim().trim_start_matches("curl http://").trim_end_matches('/').parse().unwrap();
        let nc = line();
        let (_, echo) = nc.trim().split_once("nc -u -w1 ").expect("a line to try with UDP");
        let (ip, port) = echo.split_once(' ').unwrap();
        let echo = (ip.to_owned(), port.parse().unwrap());
        Self { program, service, echo, folder }
    }

    /// All that it prints from now on until its end.
    fn output(&self) -> String {
        let lines = std::iter::from_fn(|| self.program.line().unwrap());
        lines.map(|line| line + "\n").collect()
    }

    /// Waits for the end, which must be a good one.
    fn ends_well(mut self) {
        assert_eq!(self.program.wait().unwrap().code(), Some(0));
        assert_eq!(fs::read_dir(&self.folder).unwrap().count(), 0, "it leaves files behind");
        fs::remove_dir(&self.folder).unwrap();
    }
}

#[test]
fn the_lines_to_try_work_and_the_time_ends_the_demo() {
    let demo = Demo::start(&["--seconds", "2", "--rate", "50"]);
    for _ in 0..10 {
        assert!(get(demo.service, "/").unwrap().contains("Hello from web-"));
    }
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(HANG)).unwrap();
    client.connect((demo.echo.0.as_str(), demo.echo.1)).unwrap();
    client.send(b"hello").unwrap();
    let mut reply = [0; 64];
    let length = weir_testkit::uninterrupted(|| client.recv(&mut reply)).unwrap();
    assert!(reply[..length].starts_with(b"web-") && reply[..length].ends_with(b": hello"));
    let output = demo.output();
    for words in ["web-1 ", "web-2 ", "web-3 ", " connections (+", " answered, 0 failed."] {
        assert!(output.contains(words), "{output}");
    }
    demo.ends_well();
}

#[test]
fn a_signal_ends_the_demo() {
    let demo = Demo::start(&["--rate", "0"]);
    demo.program.signal("TERM").unwrap();
    demo.ends_well();
}

#[test]
fn the_demo_ends_when_nobody_reads_along() {
    let mut demo = Demo::start(&["--rate", "0"]);
    demo.program.stop_reading();
    demo.ends_well();
}
