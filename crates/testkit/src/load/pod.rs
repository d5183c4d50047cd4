//! Which address, node and name has a pod, and may it be sent traffic?

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::random::{suffix, uid};

/// Networks of all pods of a [`Fleet`](super::Fleet), for the option `--cluster-cidr`.
pub const POD_NETWORKS: [&str; 2] = ["10.128.0.0/10", "fd00:10:128::/64"];

/// Port of a pod's endpoint: another one than that of the pods of [`crate::cluster`].
pub const ENDPOINT_PORT: u16 = 9376;

/// Number of nodes over which pods are spread.
const NODES: u32 = 1000;
/// Number of addresses of a node's pod network: a /20, of which the first is the network itself.
const ADDRESSES: u32 = 1 << 12;

/// A phase in the life of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The pod has an address, and is not ready yet.
    Starting,
    /// The pod may be sent traffic.
    Ready,
    /// The pod ends, and still answers.
    Terminating,
}

/// A pod, which is an endpoint of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Number of the pod, from which its address, node and name follow. Addresses are used again after four million pods.
    pub number: u32,
    /// Phase of the pod's life.
    pub phase: Phase,
}

impl Pod {
    /// A pod that is ready.
    pub fn ready(number: u32) -> Self {
        Self { number, phase: Phase::Ready }
    }

    /// IPv4 address of the pod.
    pub fn v4(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(Ipv4Addr::new(10, 128, 0, 0).to_bits() + self.host())
    }

    /// IPv6 address of the pod.
    pub fn v6(self) -> Ipv6Addr {
        let [_, high, middle, low] = self.host().to_be_bytes();
        Ipv6Addr::new(0xfd00, 0x10, 0x128, 0, 0, 0, high.into(), u16::from_be_bytes([middle, low]))
    }

    fn host(self) -> u32 {
        self.node_number() * ADDRESSES + self.number / NODES % (ADDRESSES - 1) + 1
    }

    fn node_number(self) -> u32 {
        self.number % NODES
    }

    /// The pod as an endpoint (JSON) of a slice, of IPv6 if `second`.
    pub(super) fn endpoint(self, namespace: &str, service: &str, second: bool) -> Value {
        let node = self.node_number();
        let address = if second { self.v6().to_string() } else { self.v4().to_string() };
        let number = u64::from(self.number);
        json!({
            "addresses": [address],
            "conditions": {
                "ready": self.phase == Phase::Ready,
                "serving": self.phase != Phase::Starting,
                "terminating": self.phase == Phase::Terminating,
            },
            "nodeName": format!("ip-10-0-{}-{}.eu-central-1.compute.internal", node / 250, node % 250),
            "targetRef": {
                "kind": "Pod",
                "name": format!("{service}-6c9f7d5b8d-{}", suffix(number)),
                "namespace": namespace,
                "uid": uid(number),
            },
            "zone": format!("eu-central-1{}", ["a", "b", "c"][node as usize % 3]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn pods_that_follow_each_other_are_on_different_nodes_and_have_different_addresses() {
        let pods = (0..200_000).map(Pod::ready);
        let addresses: HashSet<Ipv4Addr> = pods.clone().map(Pod::v4).collect();
        let others: HashSet<Ipv6Addr> = pods.map(Pod::v6).collect();
        assert_eq!((addresses.len(), others.len()), (200_000, 200_000));
        assert_ne!(Pod::ready(1).node_number(), Pod::ready(2).node_number());
    }

    #[test]
    fn every_address_is_in_the_networks_of_pods() {
        for number in [0, 1, NODES * ADDRESSES - 1, u32::MAX] {
            let [a, b, ..] = Pod::ready(number).v4().octets();
            assert!(a == 10 && (128..192).contains(&b), "{number}: {}", Pod::ready(number).v4());
            assert_eq!(Pod::ready(number).v6().segments()[..3], [0xfd00, 0x10, 0x128]);
        }
    }
}
