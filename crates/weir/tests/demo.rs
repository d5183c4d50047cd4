//! Does the demo show what it promises, end as it should, and leave nothing behind?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{HANG, WEIR, folder, get};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, UdpSocket},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

/// A running demo that has said where its Service is, with a folder of its own for what it writes.
struct Demo {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
    service: SocketAddr,
    /// Where the Service's UDP port is.
    echo: (String, u16),
    folder: PathBuf,
}

impl Demo {
    fn start(flags: &[&str]) -> Self {
        let folder = folder();
        let mut command = Command::new(WEIR);
        command.arg("demo").args(flags).env("TMPDIR", &folder).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("curl http://") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the demo ends without a line to try");
        }
        let service = line.trim().trim_start_matches("curl http://").trim_end_matches('/').parse().unwrap();
        line.clear();
        output.read_line(&mut line).unwrap();
        let (_, echo) = line.trim().split_once("nc -u -w1 ").expect("a line to try with UDP");
        let (ip, port) = echo.split_once(' ').unwrap();
        let echo = (ip.to_owned(), port.parse().unwrap());
        Self { child, output: Some(output), service, echo, folder }
    }

    /// Waits for the end, which must be a good one.
    fn ends_well(mut self) {
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert_eq!(fs::read_dir(&self.folder).unwrap().count(), 0, "it leaves files behind");
        fs::remove_dir(&self.folder).unwrap();
    }
}

#[test]
fn the_lines_to_try_work_and_the_time_ends_the_demo() {
    let mut demo = Demo::start(&["--seconds", "2", "--rate", "50"]);
    for _ in 0..10 {
        assert!(get(demo.service, "/").unwrap().contains("Hello from web-"));
    }
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(HANG)).unwrap();
    client.connect((demo.echo.0.as_str(), demo.echo.1)).unwrap();
    client.send(b"hello").unwrap();
    let mut reply = [0; 64];
    let length = client.recv(&mut reply).unwrap();
    assert!(reply[..length].starts_with(b"web-") && reply[..length].ends_with(b": hello"));
    let mut output = String::new();
    demo.output.take().unwrap().read_to_string(&mut output).unwrap();
    for words in ["web-1 ", "web-2 ", "web-3 ", " connections (+", " answered, 0 failed."] {
        assert!(output.contains(words), "{output}");
    }
    demo.ends_well();
}

#[test]
fn a_signal_ends_the_demo() {
    let demo = Demo::start(&["--rate", "0"]);
    let pid = demo.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    demo.ends_well();
}

#[test]
fn the_demo_ends_when_nobody_reads_along() {
    let mut demo = Demo::start(&["--rate", "0"]);
    demo.output = None;
    demo.ends_well();
}
