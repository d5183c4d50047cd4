//! What do a host's Linux bridges mean for pods that are attached to them? (node mode)

use super::family::PerFamily;
use ipnet::IpNet;

/// The bridges of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridges {
    /// Whether iptables sees what passes a bridge (`bridge-nf-call-iptables`, `bridge-nf-call-ip6tables`). The kernel then
    /// drops the socket that TPROXY assigned, so every frontend of the family has to be bound.
    pub bound: PerFamily<bool>,
    /// The networks of the bridges' own addresses, which are those of the pods on them; sorted.
    pub networks: Vec<BridgeNetwork>,
}

/// A network on a bridge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BridgeNetwork {
    /// The name of the bridge's interface.
    pub bridge: String,
    /// The network. A client and an endpoint that are both in it do not talk through this host, so the endpoint must see
    /// the node's address instead of the client's.
    pub network: IpNet,
}
