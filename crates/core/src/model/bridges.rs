//! What do a host's Linux bridges mean for pods that are attached to them? (node mode)

use super::family::PerFamily;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// The bridges of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridges {
    /// Whether iptables sees what passes a bridge (`bridge-nf-call-iptables`, `bridge-nf-call-ip6tables`). The kernel then
    /// drops the socket that TPROXY assigned, so every frontend of the family has to be bound.
    pub bound: PerFamily<bool>,
    /// The networks of the bridges' own addresses, which are those of the pods on them; sorted.
    pub networks: Vec<BridgeNetwork>,
}

/// A network on a bridge. A client and an endpoint that are both in it do not talk through this host: the bridge takes the
/// endpoint's answers to the client, so that no socket of this host may have the client's address, unless rules hand the
/// answers over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BridgeNetwork {
    /// The name of the bridge's interface.
    pub bridge: String,
    /// The hardware address of the bridge's interface.
    pub hardware_address: [u8; 6],
    /// The network.
    pub network: IpNet,
    /// Parts of the network to which routes lead that do not go over the bridge; sorted.
    pub elsewhere: Vec<IpNet>,
    /// Whether rules hand answers to weir's sockets over to this host.
    pub hands_over: bool,
}

/// The last port of endpoints whose answers rules hand over to this host. Whoever asks for no port gets a higher one on most
/// systems: by this the rules tell answers from what clients on the bridge send to servers.
pub const LAST_BRIDGED_SERVER_PORT: u16 = 32_767;

impl BridgeNetwork {
    /// Whether the bridge takes the answers of an endpoint to a client with this address.
    pub fn joins(&self, client: IpAddr, endpoint: IpAddr) -> bool {
        self.network.contains(&client) && self.is_on_bridge(endpoint)
    }

    /// Whether the answers come to this host even so. The endpoint must be attached to the bridge of this host.
    pub fn answers_return(&self, client: IpAddr, endpoint: SocketAddr) -> bool {
        self.hands_over && self.is_on_bridge(client) && endpoint.port() <= LAST_BRIDGED_SERVER_PORT
    }

    /// Whether this host reaches an address over the bridge.
    fn is_on_bridge(&self, ip: IpAddr) -> bool {
        self.network.contains(&ip) && !self.elsewhere.iter().any(|network| network.contains(&ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_joins_those_of_its_network_to_whom_no_other_route_leads() {
        let on = BridgeNetwork {
            bridge: "cni0".into(),
            hardware_address: [2, 0, 0, 0, 0, 1],
            network: "10.244.1.0/24".parse().unwrap(),
            elsewhere: vec!["10.244.1.9/32".parse().unwrap()],
            hands_over: true,
        };
        let ip = |last| IpAddr::from([10, 244, 1, last]);
        assert!(on.joins(ip(2), ip(3)) && on.joins(ip(9), ip(3)));
        assert!(!on.joins(ip(2), ip(9)) && !on.joins([10, 244, 2, 2].into(), ip(3)));
        let endpoint = |port| SocketAddr::new(ip(3), port);
        assert!(on.answers_return(ip(2), endpoint(8080)) && !on.answers_return(ip(2), endpoint(40_000)));
        // Nobody answers on the bridge for an address that is elsewhere.
        assert!(!on.answers_return(ip(9), endpoint(8080)));
        assert!(!BridgeNetwork { hands_over: false, ..on }.answers_return(ip(2), endpoint(8080)));
    }
}
