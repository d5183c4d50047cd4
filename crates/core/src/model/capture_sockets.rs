//! Where does the data plane receive captured packets? (node mode)

use super::{
    family::{Family, PerFamily},
    frontend::Origin,
    service::Protocol,
};

/// The sockets on localhost that receive captured packets of any Service (nftables: `tproxy to`), by protocol and family.
/// `None` where nothing is received: the host lacks the family, or its frontends are bound one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureSockets {
    /// Ports of the TCP sockets.
    pub tcp: PerFamily<Option<CapturePorts>>,
    /// Ports of the UDP sockets.
    pub udp: PerFamily<Option<CapturePorts>>,
}

/// The port for each origin of clients: the rules know where a packet comes from, and say so by the socket they choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturePorts {
    /// Port for packets of recognised pods.
    pub pod: u16,
    /// Port for packets of this node's own processes.
    pub node: u16,
    /// Port for packets of all other clients.
    pub outside: u16,
}

impl CaptureSockets {
    /// The ports of one protocol and family; `None` where nothing is received. SCTP never is.
    pub fn ports(&self, protocol: Protocol, family: Family) -> Option<CapturePorts> {
        match protocol {
            Protocol::Tcp => *self.tcp.get(family),
            Protocol::Udp => *self.udp.get(family),
            Protocol::Sctp => None,
        }
    }

    /// Whether packets of a family are received, of whatever protocol.
    pub fn receive(&self, family: Family) -> bool {
        self.tcp.get(family).is_some() || self.udp.get(family).is_some()
    }
}

impl CapturePorts {
    /// The port for packets of one origin.
    pub fn of(self, origin: Origin) -> u16 {
        match origin {
            Origin::Pod => self.pod,
            Origin::Node => self.node,
            Origin::Outside => self.outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_received_if_one_of_its_protocols_is_and_each_origin_has_its_port() {
        let ports = CapturePorts { pod: 1, node: 2, outside: 3 };
        let udp = PerFamily { v4: Some(ports), v6: None };
        let sockets = CaptureSockets { udp, ..CaptureSockets::default() };
        assert!(sockets.receive(Family::V4) && !sockets.receive(Family::V6));
        assert_eq!(sockets.ports(Protocol::Udp, Family::V4), Some(ports));
        for (protocol, family) in
            [(Protocol::Tcp, Family::V4), (Protocol::Udp, Family::V6), (Protocol::Sctp, Family::V4)]
        {
            assert_eq!(sockets.ports(protocol, family), None, "{protocol} {family}");
        }
        assert_eq!([Origin::Pod, Origin::Node, Origin::Outside].map(|origin| ports.of(origin)), [1, 2, 3]);
    }
}
