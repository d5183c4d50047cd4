//! Has a connect reached the connecting socket itself?
//!
//! A connect to a port of this host that nobody listens on may get that very port as its source, if the port is an ephemeral
//! one; TCP calls the result a simultaneous open (RFC 9293, 3.5), and it looks like a success. A UDP socket hears itself then.

use socket2::SockRef;
use std::{
    fs,
    io::{self, ErrorKind},
    net::SocketAddr,
    os::fd::AsFd,
    time::Duration,
};

/// The ports that the kernel gives to sockets which connect, from the first to the last (ip(7), `ip_local_port_range`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EphemeralPorts {
    first: u16,
    last: u16,
}

impl EphemeralPorts {
    /// Any port, where the kernel does not tell.
    const ANY: Self = Self { first: 0, last: u16::MAX };

    /// Asks the kernel, which may be told otherwise at any time; the answer is also true of IPv6.
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        text.ok().and_then(|text| Self::parse(&text)).unwrap_or(Self::ANY)
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.trim().split_once(char::is_whitespace)?;
        Some(Self { first: first.parse().ok()?, last: last.trim().parse().ok()? })
    }

    /// Whether a connect to `endpoint` might reach the connecting socket, which is bound to the address of `source` if there
    /// is one. If not, nobody need ask (see [`refusal`]).
    pub(crate) fn may_meet(self, source: Option<SocketAddr>, endpoint: SocketAddr) -> bool {
        match source {
            Some(source) => source.ip() == endpoint.ip(),
            None => (self.first..=self.last).contains(&endpoint.port()),
        }
    }
}

/// The refusal that a connect to `endpoint` should have been, if it has reached the socket itself. Closing the socket frees
/// the port at once then: who should listen there may come back.
pub(crate) fn refusal(socket: &impl AsFd, endpoint: SocketAddr) -> Option<io::Error> {
    let socket = SockRef::from(socket);
    let local = socket.local_addr().ok()?.as_socket()?;
    if (local.ip(), local.port()) != (endpoint.ip(), endpoint.port()) {
        return None;
    }
    let _ = socket.set_linger(Some(Duration::ZERO));
    Some(io::Error::new(ErrorKind::ConnectionRefused, "nobody listens: the connect reached itself"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::{Egress, udp_connected};

    #[test]
    fn only_a_connect_from_the_address_of_the_endpoint_or_to_an_ephemeral_port_may_reach_itself() {
        let ports = EphemeralPorts::parse("32768\t60999\n").unwrap();
        let [low, first, last, high] = [32767, 32768, 60999, 61000].map(|port| ([10, 0, 0, 1], port).into());
        assert_eq!(
            [low, first, last, high].map(|endpoint| ports.may_meet(None, endpoint)),
            [false, true, true, false]
        );
        let [other, same] = ["10.0.0.2:0", "10.0.0.1:5000"].map(|source| Some(source.parse().unwrap()));
        assert_eq!([other, same].map(|source| ports.may_meet(source, first)), [false, true]);
        assert!(ports.may_meet(same, low), "bound to any port");
        assert_eq!(["", "1", "1 x"].map(EphemeralPorts::parse), [None; 3]);
        assert!(EphemeralPorts::ANY.may_meet(None, low));
        assert_ne!(EphemeralPorts::read(), EphemeralPorts::ANY, "the kernel tells");
    }

    #[test]
    fn a_udp_socket_that_would_hear_itself_is_not_used() {
        let endpoint = weir_testkit::refused_address().unwrap();
        // The source that the kernel would choose by chance.
        let egress = Egress { source: Some(endpoint), ..Egress::default() };
        assert_eq!(udp_connected(endpoint, egress).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        udp_connected(endpoint, Egress::default()).unwrap();
    }
}
