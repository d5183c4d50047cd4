//! Why may an address be neither a frontend nor an endpoint?

use crate::model::address::embedded_v4;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

/// The reason for which an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The address is ::, or in 0.0.0.0/8: "this host on this network" (RFC 1122 3.2.1.3).
    Unspecified,
    /// The address is in 127.0.0.0/8, or is ::1.
    Loopback,
    /// The address is in 169.254.0.0/16 or fe80::/10.
    LinkLocal,
    /// The address is in 224.0.0.0/4 or ff00::/8.
    Multicast,
    /// The address is 255.255.255.255.
    Broadcast,
    /// The external or load-balancer IP is an address of the API server.
    ApiServer,
    /// The external or load-balancer IP is an address of this node; or the endpoint is at one, and its slice names no pod on
    /// the host network there.
    Node,
    /// The external or load-balancer IP is the cluster IP of another Service, or may become one.
    ClusterIp,
    /// The operator does not allow the external IP.
    NotAllowed,
    /// The operator does not allow the endpoint: its address is in `--refuse-endpoints`.
    NotDialled,
    /// The endpoint is a node port of a Node of the cluster: it leads back to a Service.
    NodePort,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Refusal; 11] = [
        Self::Unspecified,
        Self::Loopback,
        Self::LinkLocal,
        Self::Multicast,
        Self::Broadcast,
        Self::ApiServer,
        Self::Node,
        Self::ClusterIp,
        Self::NotAllowed,
        Self::NotDialled,
        Self::NodePort,
    ];

    /// The word for logs and metrics.
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
            Self::NotDialled => "not-dialled",
            Self::NodePort => "node-port",
        }
    }

    /// The reason to refuse an endpoint, after "the address is".
    pub fn of_endpoint_in_words(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Node => "this node's own, and the slice names no pod on the host network there",
            Self::NotDialled => "in --refuse-endpoints",
            Self::NodePort => "a Node's, at the node port of a Service",
            Self::ApiServer => "the API server's",
            Self::ClusterIp => "a cluster IP",
            Self::NotAllowed => "not allowed",
        }
    }

    /// The reason to refuse an address in any role; `None` if there is none. An IPv6 address that stands for an IPv4
    /// address is judged as that, too: translators and tunnels of the network may take it there.
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) if ip.is_unspecified() => Some(Self::Unspecified),
            IpAddr::V6(ip) if ip.is_loopback() => Some(Self::Loopback),
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(Self::LinkLocal),
            IpAddr::V6(ip) if ip.is_multicast() => Some(Self::Multicast),
            IpAddr::V6(ip) => embedded_v4(ip).and_then(Self::of_v4),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Option<Self> {
        match ip {
            _ if ip.octets()[0] == 0 => Some(Self::Unspecified),
            _ if ip.is_loopback() => Some(Self::Loopback),
            _ if ip.is_link_local() => Some(Self::LinkLocal),
            _ if ip.is_multicast() => Some(Self::Multicast),
            _ if ip.is_broadcast() => Some(Self::Broadcast),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn special_addresses_are_refused_in_every_form_and_others_are_not() {
        for (texts, reason) in [
            (["0.0.0.0", "::", "::ffff:0.0.0.0"], Some(Refusal::Unspecified)),
            (["0.0.0.1", "0.255.255.255", "64:ff9b::0.1.2.3"], Some(Refusal::Unspecified)),
            (["127.0.0.1", "127.255.255.255", "::ffff:127.9.9.9"], Some(Refusal::Loopback)),
            (["64:ff9b::127.0.0.1", "2002:7f00:1::1", "::127.0.0.1"], Some(Refusal::Loopback)),
            (["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::169.254.169.254"], Some(Refusal::LinkLocal)),
            (["64:ff9b::10.0.0.1", "2002:a00:1::1", "64:ff9b:1::127.0.0.1"], None),
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
