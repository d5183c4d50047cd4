//! Which external IPs and load-balancer IPs may be frontends? (CVE-2020-8554)
//!
//! An author of a Service may write any address into `spec.externalIPs`. What pods of this node send to that address would
//! then go to the Service's endpoints, even if the address is a bank's or the API server's. So an external IP has to be
//! allowed. A load-balancer IP is written by a controller of the cluster, and is served unless the address is somebody
//! else's already; then it has to be allowed, too.

use super::{own_addresses::OwnAddresses, refusal::Refusal};
use ipnet::IpNet;
use std::net::IpAddr;

/// The networks in which virtual IPs are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VirtualIps {
    /// Networks in which external IPs are allowed. By default none is.
    pub allowed_external_ips: Vec<IpNet>,
    /// Networks in which load-balancer IPs are allowed even where the address has an owner.
    pub allowed_load_balancer_ips: Vec<IpNet>,
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

impl VirtualIps {
    /// The reason to refuse an external IP; `None` if there is none. `own` are the addresses of this node, and `holder` is
    /// what already has the address.
    ///
    /// An address on an interface is allowed only if the list has a network of this one address: a floating address is at
    /// times on an interface, and always is where weir binds Service addresses.
    pub fn external_ip_refusal(
        &self,
        ip: IpAddr,
        own: OwnAddresses<'_>,
        holder: Option<Holder>,
    ) -> Option<Refusal> {
        let allowed = &self.allowed_external_ips;
        match self.owner(ip, own, holder) {
            Some(Owner::Special(reason)) => Some(reason),
            Some(Owner::ApiServer) => Some(Refusal::ApiServer),
            Some(Owner::Node) => Some(Refusal::Node),
            Some(Owner::Service) => Some(Refusal::ClusterIp),
            Some(Owner::Interface) if !allowed.contains(&IpNet::from(ip)) => Some(Refusal::Node),
            _ if !contain(allowed, ip) => Some(Refusal::NotAllowed),
            _ => None,
        }
    }

    /// The reason to refuse a load-balancer IP; `None` if there is none. `own` are the addresses of this node, and `holder`
    /// is what already has the address.
    ///
    /// The list is for nothing else than addresses that have an owner, so that any network in it allows all of them: load
    /// balancers of k3s give the addresses of nodes, others put theirs on an interface of the node that answers.
    pub fn load_balancer_ip_refusal(
        &self,
        ip: IpAddr,
        own: OwnAddresses<'_>,
        holder: Option<Holder>,
    ) -> Option<Refusal> {
        match self.owner(ip, own, holder)? {
            Owner::Special(reason) => Some(reason),
            _ if contain(&self.allowed_load_balancer_ips, ip) => None,
            Owner::ApiServer => Some(Refusal::ApiServer),
            Owner::Node | Owner::Interface => Some(Refusal::Node),
            Owner::Service => Some(Refusal::ClusterIp),
        }
    }

    fn owner(&self, ip: IpAddr, own: OwnAddresses<'_>, holder: Option<Holder>) -> Option<Owner> {
        if let Some(reason) = Refusal::of(ip) {
            return Some(Owner::Special(reason));
        }
        match holder {
            _ if self.api_server == Some(ip) => Some(Owner::ApiServer),
            Some(Holder::ApiServer) => Some(Owner::ApiServer),
            _ if own.node.internal_ips.contains(&ip) => Some(Owner::Node),
            Some(Holder::Service) => Some(Owner::Service),
            None => own.host.contains(&ip).then_some(Owner::Interface),
        }
    }
}

/// Who has an address, in the order in which they are looked for.
enum Owner {
    /// Nobody may have the address.
    Special(Refusal),
    ApiServer,
    /// The Node object has the address.
    Node,
    /// A Service has the address as its cluster IP, or may get it.
    Service,
    /// Only an interface of this host has the address.
    Interface,
}

fn contain(networks: &[IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Node;

    const EVERYWHERE: &[&str] = &["0.0.0.0/0", "::/0"];

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Why an address is refused as an external IP and as a load-balancer IP, where both are allowed in these networks.
    fn refusals(allowed: &[&str], text: &str, holder: Option<Holder>) -> [Option<Refusal>; 2] {
        let allowed: Vec<IpNet> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let rules = VirtualIps {
            allowed_external_ips: allowed.clone(),
            allowed_load_balancer_ips: allowed,
            api_server: Some(ip("192.0.2.1")),
        };
        let host = ["192.0.2.2", "192.0.2.9", "2001:db8::9"].map(ip).into();
        let node = Node { internal_ips: ["192.0.2.2", "2001:db8::2"].map(ip).into(), ..Node::named("a") };
        let own = OwnAddresses { node: &node, host: &host };
        let ip = ip(text);
        [rules.external_ip_refusal(ip, own, holder), rules.load_balancer_ip_refusal(ip, own, holder)]
    }

    fn refusal(allowed: &[&str], text: &str, holder: Option<Holder>) -> Option<Refusal> {
        refusals(allowed, text, holder)[0]
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
    fn a_load_balancer_ip_is_refused_where_it_has_an_owner_and_a_list_allows_it_all_the_same() {
        for (text, holder, reason) in [
            ("203.0.113.7", None, None),
            ("192.0.2.1", None, Some(Refusal::ApiServer)),
            ("198.51.100.1", Some(Holder::ApiServer), Some(Refusal::ApiServer)),
            ("192.0.2.2", None, Some(Refusal::Node)),
            ("2001:db8::2", None, Some(Refusal::Node)),
            ("192.0.2.9", None, Some(Refusal::Node)),
            ("10.96.0.1", Some(Holder::Service), Some(Refusal::ClusterIp)),
        ] {
            assert_eq!(refusals(&[], text, holder)[1], reason, "{text}");
            assert_eq!(refusals(&["198.18.0.0/15"], text, holder)[1], reason, "{text}: another network");
            assert_eq!(refusals(EVERYWHERE, text, holder)[1], None, "{text}");
        }
        assert_eq!(refusals(&["192.0.2.0/24"], "192.0.2.2", None)[1], None);
    }

    #[test]
    fn special_addresses_stay_refused_where_everything_is_allowed() {
        assert_eq!(refusals(EVERYWHERE, "127.0.0.1", None), [Some(Refusal::Loopback); 2]);
        assert_eq!(refusals(EVERYWHERE, "169.254.169.254", None), [Some(Refusal::LinkLocal); 2]);
    }
}
