//! Which addresses do Services and EndpointSlices lose to the guards?

use super::{endpoints, refusal::Refusal};
use crate::model::{EndpointSlice, Family, PerFamily, Service};
use ipnet::IpNet;
use std::{collections::BTreeSet, mem, net::IpAddr};

/// What a refused address was to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The address of an endpoint.
    Endpoint,
    /// A cluster IP or an external IP; or a load-balancer IP that is refused whoever has it.
    Frontend,
    /// A load-balancer IP that somebody else has.
    LoadBalancerIp,
}

/// The refused addresses of an object, each with its role and the reason, without duplicates.
pub type Refused = BTreeSet<(Role, Refusal, IpAddr)>;

/// The endpoints of a family among refused addresses, each with the reason.
pub(crate) fn refused_endpoints(
    refused: &Refused,
    family: Family,
) -> impl Iterator<Item = (Refusal, IpAddr)> + '_ {
    let endpoints = refused.iter().filter(|(role, ..)| *role == Role::Endpoint);
    endpoints.map(|&(_, reason, ip)| (reason, ip)).filter(move |(_, ip)| Family::of(*ip) == family)
}

/// Removes endpoints that must not be connected to from a slice, those in `refused_networks` among them; returns their
/// addresses.
pub fn guard_slice(slice: &mut EndpointSlice, refused_networks: &[IpNet]) -> Refused {
    let mut refused = Refused::new();
    slice.endpoints.retain(|endpoint| {
        let reason = endpoints::refusal(endpoint.ip, refused_networks);
        keep(&mut refused, Role::Endpoint, endpoint.ip, reason)
    });
    refused
}

/// Removes addresses that must not be frontends from a Service; returns them. Without a cluster IP the Service does not exist
/// in that family (semantics A1).
pub fn guard_service(service: &mut Service) -> Refused {
    let mut refused = Refused::new();
    let mut allowed = |ip: &IpAddr| keep(&mut refused, Role::Frontend, *ip, Refusal::of(*ip));
    let PerFamily { v4, v6 } = &mut service.cluster_ips;
    for cluster_ip in [v4, v6] {
        *cluster_ip = cluster_ip.filter(&mut allowed);
    }
    for PerFamily { v4, v6 } in [&mut service.external_ips, &mut service.load_balancer_ips] {
        for ips in [v4, v6] {
            *ips = mem::take(ips).into_iter().filter(&mut allowed).collect();
        }
    }
    refused
}

/// Notes the reason to refuse an address; whether there is none.
fn keep(refused: &mut Refused, role: Role, ip: IpAddr, reason: Option<Refusal>) -> bool {
    refused.extend(reason.map(|reason| (role, reason, ip)));
    reason.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Conditions, PortSpec, Protocol, ServiceKey, SliceEndpoint, Weight};
    use std::num::NonZeroU16;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_slice_loses_what_must_not_be_dialled() {
        let endpoint = |text| SliceEndpoint {
            ip: ip(text),
            conditions: Conditions::default(),
            is_pod: false,
            node: None,
            zone: None,
            hints: Default::default(),
        };
        let mut slice = EndpointSlice {
            weight: Weight::DEFAULT,
            name: "web-1".into(),
            service: ServiceKey::new("default", "web"),
            family: Family::V4,
            ports: Vec::new(),
            endpoints: ["127.0.0.1", "10.0.0.1", "127.0.0.1", "169.254.169.254", "203.0.113.7"]
                .map(endpoint)
                .into(),
        };
        let refused = guard_slice(&mut slice, &["203.0.113.0/24".parse().unwrap()]);
        assert_eq!(slice.endpoints, [endpoint("10.0.0.1")]);
        let expected = [
            (Refusal::Loopback, "127.0.0.1"),
            (Refusal::LinkLocal, "169.254.169.254"),
            (Refusal::NotDialled, "203.0.113.7"),
        ];
        assert_eq!(refused, expected.map(|(reason, text)| (Role::Endpoint, reason, ip(text))).into());
    }

    #[test]
    fn a_service_loses_what_must_not_be_served() {
        let port =
            PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
        let mut service =
            Service::new(ServiceKey::new("default", "web"), ip("10.96.0.10"), vec![port.clone()]);
        service.cluster_ips.v6 = Some(ip("::1"));
        service.external_ips.v4 = [ip("127.0.0.1"), ip("203.0.113.7")].into();
        service.load_balancer_ips.v6 = [ip("fe80::1"), ip("2001:db8::1")].into();
        let refused = guard_service(&mut service);
        let mut expected =
            Service::new(ServiceKey::new("default", "web"), ip("10.96.0.10"), vec![port.clone()]);
        expected.external_ips.v4 = [ip("203.0.113.7")].into();
        expected.load_balancer_ips.v6 = [ip("2001:db8::1")].into();
        assert_eq!((service, refused.len()), (expected, 3));
    }
}
