//! What can an operator steer: one endpoint, all endpoints of an address, or those of a node?

use crate::model::{Protocol, UnknownProtocol, address::parse_ip, is_unprintable};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    str::FromStr,
    sync::Arc,
};

/// Longest name of a node, in bytes, as the API allows.
const MAX_NAME_BYTES: usize = 253;

/// What an operator steers. Written as `10.0.0.7:8080/TCP`, `10.0.0.7:8080`, `10.0.0.7` or `node/worker-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Steered {
    /// The endpoints at an address.
    Endpoint {
        /// The address.
        ip: IpAddr,
        /// The port; `None` is every port.
        port: Option<NonZeroU16>,
        /// The protocol; `None` is every protocol.
        protocol: Option<Protocol>,
    },
    /// The endpoints on the node of this name.
    Node(Arc<str>),
}

/// The error of a text that names nothing to steer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSteered {
    /// The text is neither an address nor the name of a node.
    #[error(
        "expected an endpoint such as 10.0.0.7:8080/TCP, 10.0.0.7:8080 or 10.0.0.7, or a node such as node/worker-1"
    )]
    Form,
    /// The protocol is none.
    #[error(transparent)]
    Protocol(#[from] UnknownProtocol),
    /// The name of a node has characters that names do not have, or is too long.
    #[error("a node's name has 1 to {MAX_NAME_BYTES} characters, none of which is '/' or a space")]
    Name,
}

impl Steered {
    /// The node of a name.
    pub fn node(name: &str) -> Result<Self, NotSteered> {
        let is_in_name = |char: char| !char.is_whitespace() && char != '/' && !is_unprintable(char);
        let is_name = !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.chars().all(is_in_name);
        if is_name { Ok(Self::Node(name.into())) } else { Err(NotSteered::Name) }
    }
}

impl Steered {
    /// All that an endpoint can be steered by, the most exact first.
    pub fn all_of(
        address: SocketAddr,
        protocol: Protocol,
        node: Option<&Arc<str>>,
    ) -> impl Iterator<Item = Self> {
        let (ip, port) = (address.ip(), NonZeroU16::new(address.port()));
        let targets = [
            Some(Self::Endpoint { ip, port, protocol: Some(protocol) }),
            Some(Self::Endpoint { ip, port, protocol: None }),
            Some(Self::Endpoint { ip, port: None, protocol: None }),
            node.map(|node| Self::Node(Arc::clone(node))),
        ];
        targets.into_iter().flatten()
    }
}

impl FromStr for Steered {
    type Err = NotSteered;

    fn from_str(text: &str) -> Result<Self, NotSteered> {
        if let Some(name) = text.strip_prefix("node/") {
            return Self::node(name);
        }
        if let Some(ip) = parse_ip(text) {
            return Ok(Self::Endpoint { ip, port: None, protocol: None });
        }
        let (address, protocol) = match text.split_once('/') {
            Some((address, protocol)) => (address, Some(protocol)),
            None => (text, None),
        };
        let address: SocketAddr = address.parse().map_err(|_| NotSteered::Form)?;
        let port = NonZeroU16::new(address.port()).ok_or(NotSteered::Form)?;
        let protocol = protocol.map(|word| word.to_ascii_uppercase().parse()).transpose()?;
        Ok(Self::Endpoint { ip: address.ip().to_canonical(), port: Some(port), protocol })
    }
}

impl fmt::Display for Steered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint { ip, port: None, .. } => ip.fmt(f),
            Self::Endpoint { ip, port: Some(port), protocol } => {
                SocketAddr::new(*ip, port.get()).fmt(f)?;
                protocol.map_or(Ok(()), |protocol| write!(f, "/{protocol}"))
            }
            Self::Node(name) => write!(f, "node/{name}"),
        }
    }
}

impl TryFrom<String> for Steered {
    type Error = NotSteered;

    fn try_from(text: String) -> Result<Self, NotSteered> {
        text.parse()
    }
}

impl From<Steered> for String {
    fn from(target: Steered) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let texts = [
            "10.0.0.7:8080/TCP",
            "10.0.0.7:8080",
            "10.0.0.7",
            "[fd00::1]:53/UDP",
            "fd00::1",
            "node/worker-1.example",
        ];
        for text in texts {
            assert_eq!(text.parse::<Steered>().unwrap().to_string(), text);
        }
        assert_eq!("10.0.0.7:80/tcp".parse::<Steered>(), "10.0.0.7:80/TCP".parse());
    }

    #[test]
    fn nothing_else_is_read() {
        let long = format!("node/{}", "n".repeat(10_000));
        for wrong in [
            "",
            "worker-1",
            "10.0.0.7:0",
            "10.0.0.7/TCP",
            "10.0.0.7:80/",
            "10.0.0.7:80/TCP/x",
            "node/",
            "node/a b",
            "node/a\nb",
            &long,
        ] {
            assert!(wrong.parse::<Steered>().is_err(), "{wrong}");
        }
        let said = "10.0.0.7:80/QUIC".parse::<Steered>().unwrap_err().to_string();
        assert!(said.contains("QUIC"), "{said}");
    }
}
