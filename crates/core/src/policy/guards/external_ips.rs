//! Which external IPs may be frontends? (CVE-2020-8554)
//!
//! An author of a Service may write any address into `spec.externalIPs`. What pods of this node send to that address would
//! then go to the Service's endpoints, even if the address is a bank's or the API server's.

use super::refusal::Refusal;
use crate::model::Node;
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};

/// The networks in which external IPs are allowed, and addresses that belong to others. By default none is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalIps {
    /// Networks in which external IPs are allowed.
    pub allowed: Vec<IpNet>,
    /// Addresses of this host's interfaces. Each is allowed only if `allowed` has a network of this one address: a floating
    /// address is at times on an interface, and always is where weir binds Service addresses.
    pub host: BTreeSet<IpAddr>,
    /// The address at which this process reaches the API server; `None` while unknown.
    pub api_server: Option<IpAddr>,
}

/// What already has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The API server.
    ApiServer,
    /// Another Service, as its cluster IP, or a Service CIDR that may give the address to one.
    Service,
}

impl ExternalIps {
    /// The reason to refuse an external IP on `node`; `None` if there is none. `holder` is what already has the address.
    pub fn refusal(&self, ip: IpAddr, node: &Node, holder: Option<Holder>) -> Option<Refusal> {
        let named = || self.allowed.contains(&IpNet::from(ip));
        match holder {
            _ if Refusal::of(ip).is_some() => Refusal::of(ip),
            _ if self.api_server == Some(ip) => Some(Refusal::ApiServer),
            Some(Holder::ApiServer) => Some(Refusal::ApiServer),
            _ if node.internal_ips.contains(&ip) => Some(Refusal::Node),
            Some(Holder::Service) => Some(Refusal::ClusterIp),
            None if self.host.contains(&ip) && !named() => Some(Refusal::Node),
            None if !self.allowed.iter().any(|network| network.contains(&ip)) => Some(Refusal::NotAllowed),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYWHERE: &[&str] = &["0.0.0.0/0", "::/0"];

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn refusal(allowed: &[&str], text: &str, holder: Option<Holder>) -> Option<Refusal> {
        let rules = ExternalIps {
            allowed: allowed.iter().map(|text| text.parse().unwrap()).collect(),
            host: ["192.0.2.2", "192.0.2.9", "2001:db8::9"].map(ip).into(),
            api_server: Some(ip("192.0.2.1")),
        };
        let node = Node { internal_ips: ["192.0.2.2", "2001:db8::2"].map(ip).into(), ..Node::named("a") };
        rules.refusal(ip(text), &node, holder)
    }

    #[test]
    fn no_external_ip_is_allowed_unless_its_network_is() {
        assert_eq!(refusal(&[], "203.0.113.7", None), Some(Refusal::NotAllowed));
        assert_eq!(refusal(&["203.0.113.0/24"], "203.0.113.7", None), None);
        assert_eq!(refusal(&["203.0.113.0/24"], "203.0.114.7", None), Some(Refusal::NotAllowed));
        assert_eq!(refusal(&["0.0.0.0/0"], "2001:db8::7", None), Some(Refusal::NotAllowed));
    }

    #[test]
    fn addresses_of_the_node_are_refused_wherever_external_ips_are_allowed() {
        for text in ["192.0.2.2", "192.0.2.9", "2001:db8::2", "2001:db8::9"] {
            assert_eq!(refusal(EVERYWHERE, text, None), Some(Refusal::Node), "{text}");
        }
    }

    #[test]
    fn an_address_on_an_interface_is_allowed_by_name_unless_the_node_object_has_it() {
        assert_eq!(refusal(&["192.0.2.9/32"], "192.0.2.9", None), None);
        assert_eq!(refusal(&["2001:db8::9/128"], "2001:db8::9", None), None);
        assert_eq!(refusal(&["192.0.2.2/32"], "192.0.2.2", None), Some(Refusal::Node));
    }

    #[test]
    fn the_api_server_and_cluster_ips_are_refused_even_by_name() {
        assert_eq!(refusal(&["192.0.2.1/32"], "192.0.2.1", None), Some(Refusal::ApiServer));
        let by_name = |holder| refusal(&["10.96.0.1/32"], "10.96.0.1", Some(holder));
        assert_eq!(by_name(Holder::ApiServer), Some(Refusal::ApiServer));
        assert_eq!(by_name(Holder::Service), Some(Refusal::ClusterIp));
    }

    #[test]
    fn special_addresses_stay_refused_where_everything_is_allowed() {
        assert_eq!(refusal(EVERYWHERE, "127.0.0.1", None), Some(Refusal::Loopback));
        assert_eq!(refusal(EVERYWHERE, "169.254.169.254", None), Some(Refusal::LinkLocal));
    }
}
