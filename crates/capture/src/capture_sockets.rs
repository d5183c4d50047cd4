//! Which sockets receive what the rules capture?

use weir_core::{Family, PerFamily, Protocol};

/// The ports of the receiving sockets of one family and protocol, on that family's loopback address. The socket that
/// receives a packet tells where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// From recognised pods.
    pub pod: u16,
    /// From this node's own processes.
    pub node: u16,
    /// From anybody else.
    pub outside: u16,
}

/// The receiving sockets. Without them a protocol is refused; a family without any is left alone, unless its frontends
/// are bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receivers {
    /// Of TCP.
    pub tcp: PerFamily<Option<Ports>>,
    /// Of UDP.
    pub udp: PerFamily<Option<Ports>>,
}

impl Receivers {
    pub(crate) fn of(&self, family: Family, protocol: Protocol) -> Option<Ports> {
        match protocol {
            Protocol::Tcp => *self.tcp.get(family),
            Protocol::Udp => *self.udp.get(family),
            Protocol::Sctp => None,
        }
    }

    /// Whether anything of a family is received.
    pub(crate) fn serve(&self, family: Family) -> bool {
        self.tcp.get(family).is_some() || self.udp.get(family).is_some()
    }
}
