//! Which addresses are this node's own, and which endpoints may have them?
//!
//! What listens at an address of the node, such as the kubelet or a database that is kept from everybody else by a firewall,
//! would see a connection of the node itself. A pod on the host network has the node's address, too; the EndpointSlice
//! controller names the Pod and the node of each.

use super::refusal::Refusal;
use crate::model::{Family, Node, SliceEndpoint, address::embedded_v4};
use std::{collections::BTreeSet, net::IpAddr};

/// The addresses of this node.
#[derive(Clone, Copy, Debug)]
pub struct OwnAddresses<'a> {
    /// The Node object.
    pub node: &'a Node,
    /// Addresses of this host's interfaces.
    pub host: &'a BTreeSet<IpAddr>,
}

impl OwnAddresses<'_> {
    /// The reason to refuse an endpoint at an address of this node; `None` if there is none. An IPv6 address that stands
    /// for an IPv4 address of this node is never a pod's.
    pub fn endpoint_refusal(self, endpoint: &SliceEndpoint) -> Option<Refusal> {
        let is_refused = self.contain_any_form_of(endpoint.ip) && !self.is_on_host_network(endpoint);
        is_refused.then_some(Refusal::Node)
    }

    /// Whether an address is this node's own, or an IPv6 address stands for one that is.
    pub fn contain_any_form_of(self, ip: IpAddr) -> bool {
        let stands_for_own = || match ip {
            IpAddr::V4(_) => false,
            IpAddr::V6(ip) => embedded_v4(ip).is_some_and(|ip| self.contain(ip.into())),
        };
        self.contain(ip) || stands_for_own()
    }

    fn contain(self, ip: IpAddr) -> bool {
        self.node.internal_ips.contains(&ip) || self.host.contains(&ip)
    }

    /// Whether the slice says that an endpoint is a pod on the host network of this node. The kubelet gives such a pod the
    /// Node's InternalIP of each family; any address of the host counts where the Node has none.
    fn is_on_host_network(self, endpoint: &SliceEndpoint) -> bool {
        let ip = endpoint.ip;
        let internal_ips = &self.node.internal_ips;
        let is_of_family = |other: &IpAddr| Family::of(*other) == Family::of(ip);
        endpoint.is_pod
            && self.contain(ip)
            && self.node.is_local(endpoint.node.as_deref())
            && (internal_ips.contains(&ip) || !internal_ips.iter().any(is_of_family))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Conditions, Hints};
    use std::sync::Arc;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn refusal(internal_ips: &[&str], text: &str, is_pod: bool, on: Option<&str>) -> Option<Refusal> {
        let host = ["192.0.2.2", "172.17.0.1", "2001:db8::2"].map(ip).into();
        let node = Node {
            internal_ips: internal_ips.iter().map(|text| ip(text)).collect(),
            ..Node::named("node-a")
        };
        let endpoint = SliceEndpoint {
            ip: ip(text),
            conditions: Conditions::default(),
            is_pod,
            node: on.map(Arc::from),
            zone: None,
            hints: Arc::new(Hints::default()),
        };
        OwnAddresses { node: &node, host: &host }.endpoint_refusal(&endpoint)
    }

    const INTERNAL_IPS: &[&str] = &["192.0.2.2", "192.0.2.3"];

    #[test]
    fn addresses_of_others_are_nobodys_concern() {
        for (is_pod, on) in [(true, Some("node-a")), (false, Some("node-b")), (false, None)] {
            assert_eq!(refusal(INTERNAL_IPS, "192.0.2.4", is_pod, on), None);
        }
    }

    #[test]
    fn an_own_address_is_for_a_pod_on_the_host_network_of_this_node_only() {
        for own in ["192.0.2.2", "192.0.2.3", "2001:db8::2"] {
            assert_eq!(refusal(INTERNAL_IPS, own, true, Some("node-a")), None, "{own}");
            for (is_pod, on) in [(false, Some("node-a")), (true, Some("node-b")), (true, None), (false, None)]
            {
                assert_eq!(
                    refusal(INTERNAL_IPS, own, is_pod, on),
                    Some(Refusal::Node),
                    "{own} {is_pod} {on:?}"
                );
            }
        }
    }

    #[test]
    fn an_own_address_inside_an_ipv6_address_is_no_pods() {
        for text in ["::ffff:192.0.2.2", "64:ff9b::192.0.2.2", "2002:c000:202::1", "::192.0.2.2"] {
            assert_eq!(refusal(INTERNAL_IPS, text, true, Some("node-a")), Some(Refusal::Node), "{text}");
        }
        assert_eq!(refusal(INTERNAL_IPS, "64:ff9b::192.0.2.4", true, Some("node-a")), None);
    }

    #[test]
    fn no_pod_has_another_address_of_the_host_than_the_nodes_internal_ip() {
        assert_eq!(refusal(INTERNAL_IPS, "172.17.0.1", true, Some("node-a")), Some(Refusal::Node));
        assert_eq!(refusal(&["2001:db8::2"], "172.17.0.1", true, Some("node-a")), None, "none is known");
        assert_eq!(refusal(&[], "172.17.0.1", false, Some("node-a")), Some(Refusal::Node));
    }
}
