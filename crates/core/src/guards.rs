//! Which addresses may be neither frontends nor endpoints? A pass over objects that others wrote.
//!
//! Whoever may write an EndpointSlice could otherwise have weir connect to what listens only on this node's loopback or on
//! its links, such as the metadata service of a cloud at 169.254.169.254. An API server refuses most of these addresses
//! itself (`ValidateNonSpecialIP` in Kubernetes' `pkg/apis/core/validation`); weir does not rely on it.

mod external_ips;

pub use external_ips::{ExternalIps, Holder};

use crate::{EndpointSlice, PerFamily, Service};
use std::{collections::BTreeSet, fmt, mem, net::IpAddr};

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// 0.0.0.0 or ::, which reach this host itself.
    Unspecified,
    /// 127.0.0.0/8 or ::1.
    Loopback,
    /// 169.254.0.0/16 or fe80::/10.
    LinkLocal,
    /// 224.0.0.0/4 or ff00::/8.
    Multicast,
    /// 255.255.255.255.
    Broadcast,
    /// An external IP that is where the API server answers.
    ApiServer,
    /// An external IP that is an address of this node.
    Node,
    /// An external IP that is another Service's cluster IP, or may become one.
    ClusterIp,
    /// An external IP that the operator does not allow.
    NotAllowed,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Refusal; 9] = [
        Self::Unspecified,
        Self::Loopback,
        Self::LinkLocal,
        Self::Multicast,
        Self::Broadcast,
        Self::ApiServer,
        Self::Node,
        Self::ClusterIp,
        Self::NotAllowed,
    ];

    /// The word for it in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::ApiServer => "api-server",
            Self::Node => "node",
            Self::ClusterIp => "cluster-ip",
            Self::NotAllowed => "not-allowed",
        }
    }

    /// Why this address is refused whatever it is for; `None` if it is not. An IPv4 address that is written as an IPv6 one counts as IPv4.
    pub fn of(ip: IpAddr) -> Option<Self> {
        let ip = ip.to_canonical();
        let link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        match ip {
            _ if ip.is_unspecified() => Some(Self::Unspecified),
            _ if ip.is_loopback() => Some(Self::Loopback),
            _ if link_local => Some(Self::LinkLocal),
            _ if ip.is_multicast() => Some(Self::Multicast),
            IpAddr::V4(ip) if ip.is_broadcast() => Some(Self::Broadcast),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an address was to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// An endpoint of a Service.
    Endpoint,
    /// A cluster IP, an external IP or a load-balancer IP.
    Frontend,
}

/// What was refused, and why. Each address once.
pub type Refused = BTreeSet<(Role, Refusal, IpAddr)>;

/// Takes endpoints out of a slice that must not be dialled: it never had them.
pub fn guard_slice(slice: &mut EndpointSlice) -> Refused {
    let mut refused = Refused::new();
    slice.endpoints.retain(|endpoint| is_allowed(&mut refused, Role::Endpoint, endpoint.ip));
    refused
}

/// Takes addresses out of a Service that must not be served. Without its cluster IP it does not exist in that family.
pub fn guard_service(service: &mut Service) -> Refused {
    let mut refused = Refused::new();
    let mut allowed = |ip: &IpAddr| is_allowed(&mut refused, Role::Frontend, *ip);
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

fn is_allowed(refused: &mut Refused, role: Role, ip: IpAddr) -> bool {
    let reason = Refusal::of(ip);
    refused.extend(reason.map(|reason| (role, reason, ip)));
    reason.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Family, Protocol, ServiceKey,
        endpoint::{Conditions, SliceEndpoint},
        service::PortSpec,
    };
    use proptest::prelude::*;
    use std::num::NonZeroU16;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn special_addresses_are_refused_in_every_form_and_others_are_not() {
        for (texts, reason) in [
            (["0.0.0.0", "::", "::ffff:0.0.0.0"], Some(Refusal::Unspecified)),
            (["127.0.0.1", "127.255.255.255", "::ffff:127.9.9.9"], Some(Refusal::Loopback)),
            (["::1", "::1", "::ffff:127.0.0.1"], Some(Refusal::Loopback)),
            (["169.254.0.0", "169.254.169.254", "::ffff:169.254.1.1"], Some(Refusal::LinkLocal)),
            (["fe80::1", "fe80:1::1", "febf:ffff::"], Some(Refusal::LinkLocal)),
            (["224.0.0.1", "239.255.255.255", "::ffff:224.0.0.251"], Some(Refusal::Multicast)),
            (["ff00::", "ff02::1", "ffff::1"], Some(Refusal::Multicast)),
            (["255.255.255.255", "255.255.255.255", "::ffff:255.255.255.255"], Some(Refusal::Broadcast)),
            (["10.0.0.1", "192.0.2.1", "100.64.0.1"], None),
            (["169.253.255.255", "169.255.0.0", "126.255.255.255"], None),
            (["2001:db8::1", "fd00::1", "fec0::1"], None),
        ] {
            for text in texts {
                assert_eq!(Refusal::of(ip(text)), reason, "{text}");
            }
        }
    }

    #[test]
    fn a_slice_loses_what_must_not_be_dialled() {
        let endpoint = |text| SliceEndpoint {
            ip: ip(text),
            conditions: Conditions::default(),
            node: None,
            zone: None,
            hints: Default::default(),
        };
        let mut slice = EndpointSlice {
            name: "web-1".into(),
            service: ServiceKey::new("default", "web"),
            family: Family::V4,
            ports: Vec::new(),
            endpoints: ["127.0.0.1", "10.0.0.1", "127.0.0.1", "169.254.169.254"].map(endpoint).into(),
        };
        let refused = guard_slice(&mut slice);
        assert_eq!(slice.endpoints, [endpoint("10.0.0.1")]);
        let expected = [(Refusal::Loopback, "127.0.0.1"), (Refusal::LinkLocal, "169.254.169.254")];
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

    proptest! {
        #[test]
        fn what_is_allowed_is_unicast_and_of_no_link(bits: u128, v4: bool) {
            let ip = if v4 { IpAddr::from((bits as u32).to_be_bytes()) } else { IpAddr::from(bits.to_be_bytes()) };
            if Refusal::of(ip).is_none() {
                let ip = ip.to_canonical();
                prop_assert!(!ip.is_loopback() && !ip.is_multicast() && !ip.is_unspecified());
            }
        }
    }
}
