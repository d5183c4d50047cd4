//! Where does this proxy run, which addresses are its own host's, and which are pods'?

use super::binding::Binding;
use crate::sys::marks::Marks;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};
use weir_core::{
    Audience, BridgeNetwork, Node, Origin, PerFamily, SourcePorts, SourceRules, guards::Refusal,
};

/// The node and the host of this proxy.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct NodeContext {
    /// Node object of this host.
    pub(crate) node: Arc<Node>,
    /// Addresses of this host's interfaces.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// The part that counts in node mode only; `None` in bind mode.
    pub(crate) node_mode: Option<NodeModeContext>,
}

/// Marks, rules and networks that decide about addresses of clients in node mode.
#[derive(Debug, PartialEq)]
pub(crate) struct NodeModeContext {
    /// Marks of packets that this process sends.
    pub(crate) marks: Marks,
    /// Rules by which endpoints see clients' addresses.
    pub(crate) sources: SourceRules,
    /// Ports of sockets that have clients' addresses.
    pub(crate) source_ports: SourcePorts,
    /// Networks of pods, for clients whose origin no capture socket determines.
    pub(crate) pods: Vec<IpNet>,
    /// Networks of bridges to which pods are attached.
    pub(crate) bridges: Vec<BridgeNetwork>,
    /// The node's primary address of each family, if this host has it.
    pub(crate) primary: PerFamily<Option<IpAddr>>,
}

impl NodeContext {
    /// The origin of a client by its address. Pods count as outside where they are not recognised.
    pub(crate) fn origin(&self, client: IpAddr) -> Origin {
        let pods = self.node_mode.as_ref().map_or(&[][..], |node_mode| &node_mode.pods);
        Origin::of(client, &self.addresses, pods)
    }

    /// Networks whose packets the sockets of a binding accept; `None` means all. In node mode rules give the verdicts,
    /// before packets arrive here; but on localhost, where no rule looks, all clients are processes of this host: what comes
    /// there from elsewhere by `route_localnet` ends.
    pub(crate) fn allowed_sources(
        &self,
        Binding { listen, kind, port, .. }: &Binding,
        audience: Audience,
    ) -> Option<Vec<IpNet>> {
        if self.node_mode.is_some() {
            return listen.address.ip().is_loopback().then(|| self.host_networks().collect());
        }
        let sources = port.sources(*kind, &self.node);
        match audience {
            Audience::Everyone => sources,
            Audience::NodeOnly => {
                let allowed = |host: &IpNet| {
                    sources.as_ref().is_none_or(|nets| nets.iter().any(|net| net.contains(host)))
                };
                Some(self.host_networks().filter(allowed).collect())
            }
        }
    }

    fn host_networks(&self) -> impl Iterator<Item = IpNet> {
        let loopback = [
            IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
            IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
        ];
        loopback.into_iter().chain(self.addresses.iter().copied().map(IpNet::from))
    }
}

impl NodeModeContext {
    /// Whether a socket to an endpoint can have the client's address: answers of the endpoint must come back to this
    /// host. A bridge takes them to the client itself, unless rules hand them over, which is for endpoints that
    /// `is_on_this_node`; loopback and link-local addresses lead nowhere else.
    pub(crate) fn can_keep(
        &self,
        client: IpAddr,
        endpoint: SocketAddr,
        is_on_this_node: impl FnOnce() -> bool,
    ) -> bool {
        let bridge = self.bridges.iter().find(|on| on.joins(client, endpoint.ip()));
        let returns = |on: &BridgeNetwork| on.answers_return(client, endpoint) && is_on_this_node();
        !is_of_one_host(client) && bridge.is_none_or(returns)
    }
}

/// Whether an address means something only on one host or link.
fn is_of_one_host(client: IpAddr) -> bool {
    matches!(Refusal::of(client), Some(Refusal::Loopback | Refusal::LinkLocal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn bridge(network: &str) -> BridgeNetwork {
        BridgeNetwork {
            bridge: "cni0".into(),
            hardware_address: [2; 6],
            network: network.parse().unwrap(),
            elsewhere: vec!["10.244.1.9/32".parse().unwrap()],
            hands_over: false,
        }
    }

    fn node_mode_context() -> NodeModeContext {
        NodeModeContext {
            marks: Marks { to_clients: 1, to_endpoints: 2, forwarded: 4 },
            sources: SourceRules::default(),
            source_ports: SourcePorts::default(),
            pods: vec!["10.244.0.0/16".parse().unwrap()],
            bridges: ["10.244.1.0/24", "fd00:244:1::/64"].map(bridge).to_vec(),
            primary: PerFamily::default(),
        }
    }

    #[test]
    fn an_address_of_this_host_is_the_nodes_even_within_the_networks_of_pods() {
        let addresses = [ip("10.244.1.1")].into();
        let context =
            NodeContext { addresses, node_mode: Some(node_mode_context()), ..NodeContext::default() };
        let origins = ["127.0.0.1", "10.244.1.1", "10.244.1.2", "10.245.0.1", "fd00::1"];
        let expected = [Origin::Node, Origin::Node, Origin::Pod, Origin::Outside, Origin::Outside];
        assert_eq!(origins.map(|client| context.origin(ip(client))), expected);
        assert_eq!(NodeContext::default().origin(ip("10.244.1.2")), Origin::Outside);
    }

    #[test]
    fn a_clients_address_is_kept_unless_the_answer_would_not_come_back() {
        let context = node_mode_context();
        let cases = [
            ("10.244.1.2", "10.244.2.3", true),
            ("10.244.1.2", "10.244.1.3", false),
            ("10.244.2.2", "10.244.1.3", true),
            ("10.244.1.2", "10.244.1.9", true),
            ("fd00:244:1::2", "fd00:244:1::3", false),
            ("127.0.0.1", "10.244.2.3", false),
            ("169.254.1.1", "10.244.2.3", false),
            ("fe80::1", "fd00::3", false),
        ];
        for (client, endpoint, keeps) in cases {
            let endpoint = SocketAddr::new(ip(endpoint), 80);
            assert_eq!(context.can_keep(ip(client), endpoint, || true), keeps, "{client} to {endpoint}");
        }
    }

    #[test]
    fn on_its_bridge_a_clients_address_is_kept_towards_endpoints_here_whose_answers_rules_hand_over() {
        let mut context = node_mode_context();
        context.bridges.iter_mut().for_each(|on| on.hands_over = true);
        let keeps =
            |port, here| context.can_keep(ip("10.244.1.2"), SocketAddr::new(ip("10.244.1.3"), port), || here);
        assert_eq!([keeps(80, true), keeps(80, false), keeps(40_000, true)], [true, false, false]);
    }
}
