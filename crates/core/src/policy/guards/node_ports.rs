//! Which endpoints are node ports of the cluster itself?
//!
//! Such an endpoint leads back to where it came from: to whatever serves node ports on that node, which is another proxy or this
//! one. Two Services of that kind make a circle. Packets that go round end with their hops; this tells an author why.

use super::{
    objects::{Refused, Role},
    refusal::Refusal,
};
use crate::model::{EndpointSlice, Protocol, address::embedded_v4};
use std::{net::IpAddr, num::NonZeroU16};

/// The slice without endpoints at a node port of a Node, and their addresses; `None` if it has none. An endpoint goes with all
/// its ports. An IPv6 address that stands for an IPv4 address counts as that, too.
pub fn guard_node_ports(
    slice: &EndpointSlice,
    is_node_port: impl Fn(Protocol, NonZeroU16) -> bool,
    is_node: impl Fn(IpAddr) -> bool,
) -> Option<(EndpointSlice, Refused)> {
    // Hardly any slice has such a port.
    if !slice.ports.iter().any(|port| is_node_port(port.protocol, port.port)) {
        return None;
    }
    let leads_back = |ip: IpAddr| match ip {
        IpAddr::V4(_) => is_node(ip),
        IpAddr::V6(v6) => is_node(ip) || embedded_v4(v6).is_some_and(|v4| is_node(v4.into())),
    };
    let refused = slice.endpoints.iter().map(|endpoint| endpoint.ip).filter(|&ip| leads_back(ip));
    let refused: Refused = refused.map(|ip| (Role::Endpoint, Refusal::NodePort, ip)).collect();
    if refused.is_empty() {
        return None;
    }
    let mut guarded = slice.clone();
    guarded.endpoints.retain(|endpoint| !leads_back(endpoint.ip));
    Some((guarded, refused))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Conditions, Family, ServiceKey, SliceEndpoint, SlicePort, Weight};

    fn slice(protocol: Protocol, port: u16, ips: &[&str]) -> EndpointSlice {
        let endpoint = |text: &&str| SliceEndpoint {
            ip: text.parse().unwrap(),
            conditions: Conditions::default(),
            node: None,
            zone: None,
            hints: Default::default(),
            is_pod: false,
        };
        let port = SlicePort { name: "".into(), protocol, port: NonZeroU16::new(port).unwrap() };
        EndpointSlice {
            weight: Weight::DEFAULT,
            name: "web-1".into(),
            service: ServiceKey::new("default", "web"),
            family: Family::V4,
            ports: vec![port],
            endpoints: ips.iter().map(endpoint).collect(),
        }
    }

    fn refused(protocol: Protocol, port: u16, ips: &[&str]) -> Option<Vec<String>> {
        let is_node_port = |protocol, port: NonZeroU16| (protocol, port.get()) == (Protocol::Tcp, 30080);
        let is_node = |ip: IpAddr| {
            ["192.0.2.2", "2001:db8::2"].iter().any(|text| ip == text.parse::<IpAddr>().unwrap())
        };
        let (guarded, refused) = guard_node_ports(&slice(protocol, port, ips), is_node_port, is_node)?;
        assert_eq!(guarded.endpoints.len() + refused.len(), ips.len());
        Some(refused.into_iter().map(|(.., ip)| ip.to_string()).collect())
    }

    #[test]
    fn an_endpoint_at_a_node_port_of_a_node_is_refused_in_every_form() {
        let forms = ["192.0.2.2", "2001:db8::2", "64:ff9b::192.0.2.2"];
        let expected =
            Some(vec!["192.0.2.2".to_owned(), "64:ff9b::c000:202".to_owned(), "2001:db8::2".to_owned()]);
        assert_eq!(refused(Protocol::Tcp, 30080, &[&forms[..], &["10.244.0.2"]].concat()), expected);
    }

    #[test]
    fn other_ports_of_nodes_and_the_same_port_of_others_are_not_refused() {
        assert_eq!(refused(Protocol::Tcp, 8080, &["192.0.2.2"]), None);
        assert_eq!(refused(Protocol::Udp, 30080, &["192.0.2.2"]), None);
        assert_eq!(refused(Protocol::Tcp, 30080, &["192.0.2.3", "10.244.0.2"]), None);
    }
}
