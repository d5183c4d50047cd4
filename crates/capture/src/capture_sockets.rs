//! Which sockets receive what the rules capture?

use weir_core::{Family, PerFamily, Protocol};

/// Ports of the capture sockets of one family and protocol, on the loopback address of that family. Which of the sockets
/// receives a packet tells where the packet comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturePorts {
    /// Port for packets of recognised pods.
    pub pod: u16,
    /// Port for packets of this node's own processes.
    pub node: u16,
    /// Port for packets of anybody else.
    pub outside: u16,
}

/// The capture sockets. A protocol without sockets is refused; a family without any is left alone, unless its frontends
/// are bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureSockets {
    /// Ports of the TCP sockets.
    pub tcp: PerFamily<Option<CapturePorts>>,
    /// Ports of the UDP sockets.
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

    /// Whether there is a capture socket of this family.
    pub(crate) fn receives(&self, family: Family) -> bool {
        self.tcp.get(family).is_some() || self.udp.get(family).is_some()
    }
}
