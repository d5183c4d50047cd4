//! What does a program print, and what does a server of a program answer?

use super::{environment::without_test_settings, patience::HANG};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Output, Stdio},
};

/// Runs a command with this on its standard input to its end.
///
/// # Errors
/// When it cannot be started.
pub fn output(command: &mut Command, input: &str) -> io::Result<Output> {
    without_test_settings(command).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // A command that ends early closes its end; what it says is worth more than that.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    child.wait_with_output()
}

/// The whole answer to an HTTP GET request, status line and headers included, if there is one.
pub fn http_get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(HANG)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
