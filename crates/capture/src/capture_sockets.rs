//! Which sockets receive what the rules capture?

use weir_core::{Family, PerFamily, Protocol};

/// The ports of the receiving sockets of one family and protocol, on that family's loopback address. The socket that
/// receives a packet tells where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturePorts {
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
pub struct CaptureSockets {
    /// Of TCP.
    pub tcp: PerFamily<Option<CapturePorts>>,
    /// Of UDP.
    pub udp: PerFamily<Option<CapturePorts>>,
}

impl CaptureSockets {
    pub(crate) fn of(&self, family: Family, protocol: Protocol) -> Option<CapturePorts> {
        match protocol {
            Protocol::Tcp => *self.tcp.get(family),
            Protocol::Udp => *self.udp.get(family),
            Protocol::Sctp => None,
        }
    }

    /// Whether anything of a family is received.
    pub(crate) fn receives(&self, family: Family) -> bool {
        self.tcp.get(family).is_some() || self.udp.get(family).is_some()
    }
}
