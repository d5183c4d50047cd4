//! Where does this proxy run, which addresses are its own host's, and which are pods'?

use crate::sys::marks::Marks;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};
use weir_core::{Audience, FrontendKind, Node, Origin, ServicePort, SourceRules, guards::Refusal};

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
    /// Networks of pods, for clients whose origin no capture socket determines.
    pub(crate) pods: Vec<IpNet>,
    /// Networks of bridges to which pods are attached.
    pub(crate) bridges: Vec<IpNet>,
}

impl NodeContext {
    /// The origin of a client by its address. Pods count as outside where they are not recognised.
    pub(crate) fn origin(&self, client: IpAddr) -> Origin {
        let pods = self.node_mode.as_ref().map_or(&[][..], |node_mode| &node_mode.pods);
        Origin::of(client, &self.addresses, pods)
    }

    /// Networks whose packets a frontend's sockets accept; `None` means all. In node mode rules give the verdicts,
    /// before packets arrive here.
    pub(crate) fn allowed_sources(
        &self,
        port: &ServicePort,
        kind: FrontendKind,
        audience: Audience,
    ) -> Option<Vec<IpNet>> {
        if self.node_mode.is_some() {
            return None;
        }
        let sources = port.sources(kind, &self.node);
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
    /// host. A bridge would hand them to the client itself; loopback and link-local addresses lead nowhere else.
    pub(crate) fn can_keep(&self, client: IpAddr, endpoint: IpAddr) -> bool {
        let are_neighbours = |network: &IpNet| network.contains(&client) && network.contains(&endpoint);
        !is_of_one_host(client) && !self.bridges.iter().any(are_neighbours)
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

    fn node_mode_context() -> NodeModeContext {
        NodeModeContext {
            marks: Marks { to_clients: 1, to_endpoints: 2, forwarded: 4 },
            sources: SourceRules::default(),
            pods: vec!["10.244.0.0/16".parse().unwrap()],
            bridges: vec!["10.244.1.0/24".parse().unwrap(), "fd00:244:1::/64".parse().unwrap()],
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
            ("fd00:244:1::2", "fd00:244:1::3", false),
            ("127.0.0.1", "10.244.2.3", false),
            ("169.254.1.1", "10.244.2.3", false),
            ("fe80::1", "fd00::3", false),
        ];
        for (client, endpoint, keeps) in cases {
            assert_eq!(context.can_keep(ip(client), ip(endpoint)), keeps, "{client} to {endpoint}");
        }
    }
}
