//! Which addresses does a cluster of the test bed have? Those of the conformance vectors.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Networks of all pods, for the option `--cluster-cidr`.
pub const CLUSTER_CIDR: &str = "10.244.0.0/16,fd00:10:244::/48";
/// Networks of cluster IPs, for the option `--service-cidr`.
pub const SERVICE_CIDR: &str = "172.30.0.0/16,fd00:172:30::/112";
/// Number of the first pod on a node.
pub(super) const FIRST_POD: u8 = 10;

/// An address of each family with the length of its network's prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) v4: (Ipv4Addr, u8),
    pub(super) v6: (Ipv6Addr, u8),
}

impl Addresses {
    fn new(v4: [u8; 4], v4_length: u8, v6: [u16; 8], v6_length: u8) -> Self {
        Self { v4: (v4.into(), v4_length), v6: (v6.into(), v6_length) }
    }

    /// The addresses as `ip` writes them, with prefix lengths.
    pub(super) fn with_lengths(&self) -> [String; 2] {
        [format!("{}/{}", self.v4.0, self.v4.1), format!("{}/{}", self.v6.0, self.v6.1)]
    }

    pub(super) fn without_lengths(&self) -> [String; 2] {
        [self.v4.0.to_string(), self.v6.0.to_string()]
    }
}

/// A cable of the router: addresses of the far host, and of the router.
pub(super) struct Cable {
    pub(super) host: Addresses,
    pub(super) router: Addresses,
}

impl Cable {
    /// The cable to the node of this index.
    pub(super) fn to_node(index: u8) -> Self {
        let last = if index == 0 { 1 } else { 2 };
        let network = [0x2001, 0xdb8, index.into(), 0, 0, 0, 0];
        Self::within([192, 168, index], 2, network, last)
    }

    /// The cable to the host of the API server.
    pub(super) fn to_control_plane() -> Self {
        Self::within([192, 168, 255], 2, [0x2001, 0xdb8, 0xff, 0, 0, 0, 0], 2)
    }

    /// The cable to the client outside the cluster.
    pub(super) fn to_outside() -> Self {
        Self::within([203, 0, 113], 2, [0x2001, 0xdb8, 0xf, 0, 0, 0, 0], 2)
    }

    fn within(v4: [u8; 3], host: u8, v6: [u16; 7], host6: u16) -> Self {
        let at = |last, last6| {
            let ([a, b, c], [d, e, f, g, h, i, j]) = (v4, v6);
            Addresses::new([a, b, c, last], 24, [d, e, f, g, h, i, j, last6], 64)
        };
        Self { host: at(host, host6), router: at(1, 0xff) }
    }
}

/// The second address of the outside client.
pub(super) fn second_outside() -> Addresses {
    Addresses::new([203, 0, 113, 130], 24, [0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x8002], 64)
}

/// A pod's addresses, by the index of its node and its number there; number 0 is the network itself, 1 the bridge.
pub(super) fn pod(node: u8, number: u8) -> Addresses {
    let v6 = [0xfd00, 0x10, 0x244, node.into(), 0, 0, 0, number.into()];
    Addresses::new([10, 244, node, number], 24, v6, 64)
}
