//! What does a client get?

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};
use weir_testkit::Namespace;

/// What a client got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The socket for this origin answered: `node`, `pod`, `outside`; and at the address that was dialled.
    Served(String),
    /// A reset, or port unreachable.
    Refused,
    /// Nothing.
    Silence,
}

/// Long enough for an answer in a machine under load, short against the patience of a test.
const PATIENCE: Duration = Duration::from_millis(700);

/// Connects from a host.
pub(crate) fn tcp(from: &Namespace, to: &str) -> Outcome {
    let address: SocketAddr = to.parse().unwrap();
    outcome(from.run(|| async { connect(address) }).unwrap(), to)
}

/// Sends a datagram from a host.
pub(crate) fn udp(from: &Namespace, to: &str) -> Outcome {
    let address: SocketAddr = to.parse().unwrap();
    outcome(from.run(|| async { ask(address) }).unwrap(), to)
}

fn connect(to: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(10 * PATIENCE))?;
    stream.write_all(b"\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn ask(to: SocketAddr) -> io::Result<String> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(to)?;
    // The stand-in answers from the address that it reads.
    socket.send(to.to_string().as_bytes())?;
    let mut answer = [0; 100];
    let length = weir_testkit::uninterrupted(|| socket.recv(&mut answer))?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

fn outcome(got: io::Result<String>, to: &str) -> Outcome {
    match got {
        Ok(answer) => {
            let (origin, dialled) = answer.split_once(' ').unwrap();
            assert_eq!(dialled, to, "the dialled address is known");
            Outcome::Served(origin.into())
        }
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Outcome::Refused,
            // A datagram of the node itself, refused as it leaves: so it is with kube-proxy too.
            io::ErrorKind::PermissionDenied => Outcome::Refused,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Outcome::Silence,
            _ => panic!("to {to}: {error}"),
        },
    }
}
