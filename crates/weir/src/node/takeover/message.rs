//! What do two weirs say to each other? JSON, one object a message; fields that are not known are passed over.

use serde::{Deserialize, Serialize};
use std::{fmt, io, net::SocketAddr};
use weir_core::{Frontend, Printable, Protocol};

/// Version of what is said here. Both sides say theirs first, and the lower one counts.
pub(super) const VERSION: u32 = 1;

/// Bytes of the longest message.
pub(super) const MAX_BYTES: usize = 64 << 10;

/// Sockets in one message; with the lock no more descriptors than the kernel passes at once (SCM_MAX_FD, 253).
pub(super) const MAX_SOCKETS: usize = 250;

/// Characters of a release's name that are kept.
const MAX_RELEASE: usize = 64;

/// A message between two weirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "kebab-case")]
pub(super) enum Message {
    /// Who speaks; the first message of both sides.
    Hello { version: u32, release: String, process: u32 },
    /// The newcomer is ready to serve and asks for the sockets.
    Ask,
    /// Sockets, each with a descriptor in the same message; after them the lock, if it is among them. `more` parts follow.
    Sockets { sockets: Vec<SocketName>, lock: bool, more: bool },
    /// The newcomer has a part.
    Received,
    /// The newcomer serves.
    Confirm,
    /// The older one has let go of everything.
    Released,
    /// The older one does not hand over, for this reason.
    Refused { reason: String },
}

/// What a passed socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SocketName {
    pub(super) kind: SocketKind,
    pub(super) address: SocketAddr,
    pub(super) protocol: SocketProtocol,
}

/// Use of a passed socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SocketKind {
    /// Bound to a frontend.
    Frontend,
    /// A use that this release does not know; the socket is closed.
    #[serde(other)]
    Unknown,
}

/// Transport protocol of a passed socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum SocketProtocol {
    Tcp,
    Udp,
    /// A protocol that this release does not know; the socket is closed.
    #[serde(other)]
    Unknown,
}

/// The weir at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    release: String,
    /// Process id in the peer's own PID namespace.
    process: u32,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "release {}, process {}", Printable(&self.release), self.process)
    }
}

impl Message {
    /// The greeting of this process.
    pub(super) fn hello() -> Self {
        let release = env!("CARGO_PKG_VERSION").to_owned();
        Self::Hello { version: VERSION, release, process: std::process::id() }
    }

    /// Who greets, if this is a greeting that can be understood.
    pub(super) fn peer(self) -> Option<Peer> {
        match self {
            Self::Hello { version: 1.., release, process } => {
                Some(Peer { release: release.chars().take(MAX_RELEASE).collect(), process })
            }
            _ => None,
        }
    }

    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let bytes = serde_json::to_vec(self)?;
        match bytes.len() {
            ..=MAX_BYTES => Ok(bytes),
            _ => Err(io::Error::other("a message is too long")),
        }
    }

    /// Reads a message that came with this number of descriptors.
    pub(super) fn decode(bytes: &[u8], descriptors: usize) -> io::Result<Self> {
        let message: Self = serde_json::from_slice(bytes)?;
        let expected = match &message {
            Self::Sockets { sockets, lock, .. } if sockets.len() <= MAX_SOCKETS => {
                sockets.len() + usize::from(*lock)
            }
            Self::Sockets { .. } => return Err(invalid("too many sockets in a message")),
            _ => 0,
        };
        match descriptors == expected {
            true => Ok(message),
            false => Err(invalid(
                "the number of descriptors is not that of the sockets (are descriptors used up?)",
            )),
        }
    }
}

impl SocketName {
    /// The name of a frontend's socket; `None` for a protocol that is not relayed.
    pub(super) fn of(frontend: Frontend) -> Option<Self> {
        let protocol = match frontend.protocol {
            Protocol::Tcp => SocketProtocol::Tcp,
            Protocol::Udp => SocketProtocol::Udp,
            Protocol::Sctp => return None,
        };
        Some(Self { kind: SocketKind::Frontend, address: frontend.address, protocol })
    }

    /// The frontend that a socket is for; `None` for a use that is not known.
    pub(super) fn frontend(self) -> Option<Frontend> {
        let protocol = match (self.kind, self.protocol) {
            (SocketKind::Frontend, SocketProtocol::Tcp) => Protocol::Tcp,
            (SocketKind::Frontend, SocketProtocol::Udp) => Protocol::Udp,
            _ => return None,
        };
        Some(Frontend { protocol, address: self.address })
    }
}

pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(count: usize) -> Message {
        let frontend =
            Frontend { protocol: Protocol::Udp, address: "[fd00::1:2:3:4]:65535".parse().unwrap() };
        let sockets = vec![SocketName::of(frontend).unwrap(); count];
        Message::Sockets { sockets, lock: true, more: false }
    }

    #[test]
    fn every_message_is_read_back_and_the_longest_one_fits() {
        for message in [
            Message::hello(),
            Message::Ask,
            sockets(MAX_SOCKETS),
            Message::Received,
            Message::Confirm,
            Message::Released,
            Message::Refused { reason: "busy".to_owned() },
        ] {
            let descriptors = if matches!(message, Message::Sockets { .. }) { MAX_SOCKETS + 1 } else { 0 };
            assert_eq!(Message::decode(&message.encode().unwrap(), descriptors).unwrap(), message);
        }
    }

    #[test]
    fn what_a_later_release_adds_is_passed_over() {
        let hello = br#"{"message":"hello","version":7,"release":"9.0.0","process":4,"colour":"red"}"#;
        let peer = Message::decode(hello, 0).unwrap().peer().unwrap();
        assert_eq!(peer.to_string(), "release 9.0.0, process 4");
        let later = br#"{"message":"sockets","lock":false,"more":false,"sockets":[
            {"kind":"health","address":"0.0.0.0:10256","protocol":"TCP"},
            {"kind":"frontend","address":"10.0.0.1:80","protocol":"QUIC"},
            {"kind":"frontend","address":"10.0.0.1:80","protocol":"TCP","rank":1}]}"#;
        let Message::Sockets { sockets, .. } = Message::decode(later, 3).unwrap() else { panic!() };
        let known: Vec<Frontend> = sockets.into_iter().filter_map(SocketName::frontend).collect();
        assert_eq!(known.iter().map(Frontend::to_string).collect::<Vec<_>>(), ["10.0.0.1:80/TCP"]);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for garbage in [
            &b""[..],
            b"\xff\xfe",
            b"GET / HTTP/1.1\r\n\r\n",
            b"{}",
            br#"{"message":"explode"}"#,
            br#"{"message":"sockets","sockets":[{"kind":"frontend","address":"x","protocol":"TCP"}],"lock":false,"more":false}"#,
        ] {
            assert!(Message::decode(garbage, 0).is_err(), "{garbage:?}");
        }
        assert!(Message::decode(&sockets(3).encode().unwrap(), 3).is_err(), "a descriptor is missing");
        assert!(
            Message::decode(&Message::Ask.encode().unwrap(), 1).is_err(),
            "nobody asked for a descriptor"
        );
        assert!(Message::decode(&serde_json::to_vec(&sockets(251)).unwrap(), 252).is_err());
        let ancient = Message::Hello { version: 0, release: String::new(), process: 1 };
        assert_eq!((ancient.peer(), Message::Ask.peer()), (None, None));
    }
}
