//! Which endpoints does the operator refuse, besides special addresses?

use super::refusal::Refusal;
use crate::model::address::embedded_v4;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services of clouds, which hand out credentials to whoever asks from the right host: AWS, Azure, GCP and
/// OpenStack; Azure's host agent; Alibaba; Oracle; AWS and GCP over IPv6.
pub const METADATA_SERVICES: [IpNet; 6] = [
    v4([169, 254, 169, 254]),
    v4([168, 63, 129, 16]),
    v4([100, 100, 100, 200]),
    v4([192, 0, 0, 192]),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]),
];

const fn v4([a, b, c, d]: [u8; 4]) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), 32))
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8]) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), 128))
}

/// The reason to refuse an endpoint; `None` if there is none. `networks` are those that the operator refuses; an IPv6
/// address that stands for an IPv4 address in one of them is refused, too.
pub(super) fn refusal(ip: IpAddr, networks: &[IpNet]) -> Option<Refusal> {
    let embedded = match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => embedded_v4(ip).map(IpAddr::V4),
    };
    let is_refused = |ip: &IpAddr| networks.iter().any(|network| network.contains(ip));
    let named = || [Some(ip), embedded].iter().flatten().any(is_refused);
    Refusal::of(ip).or_else(|| named().then_some(Refusal::NotDialled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_refused_in_every_form_and_their_neighbours_are_not() {
        let refusal = |text: &str| refusal(text.parse().unwrap(), &METADATA_SERVICES);
        for text in [
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "64:ff9b::168.63.129.16",
            "2002:a83f:8110::1",
            "::ffff:192.0.0.192",
        ] {
            assert_eq!(refusal(text), Some(Refusal::NotDialled), "{text}");
        }
        assert_eq!(refusal("169.254.169.254"), Some(Refusal::LinkLocal));
        for text in ["168.63.129.17", "10.0.0.1", "fd00:ec2::253", "64:ff9b::10.0.0.1"] {
            assert_eq!(refusal(text), None, "{text}");
        }
    }
}
