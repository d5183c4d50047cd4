//! On which addresses of this host are node ports served? (semantics A4)

use crate::model::{Family, Node};
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The addresses of this host on which node ports are served (kube-proxy: `--nodeport-addresses`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NodePortAddresses {
    /// The InternalIPs of the Node object that are on this host.
    #[default]
    Primary,
    /// Addresses of this host inside these networks. A family without a network is unrestricted.
    Within(Vec<IpNet>),
}

/// Whether localhost may serve node ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Localhost {
    /// As any other address, and as the only one while no Node object is known. For a mode that binds sockets on localhost,
    /// where no packet of another host arrives.
    Served,
    /// Never, as in the nftables backend of kube-proxy (CVE-2020-8558).
    Never,
}

impl NodePortAddresses {
    /// The addresses on this host, sorted. `local` are the addresses of its interfaces; `is_local` asks the kernel about one
    /// address.
    pub fn resolve(
        &self,
        node: &Node,
        local: &BTreeSet<IpAddr>,
        is_local: impl Fn(IpAddr) -> bool,
        localhost: Localhost,
    ) -> Vec<IpAddr> {
        let mut found: Vec<IpAddr> = match self {
            Self::Primary if !node.known => vec![Ipv4Addr::LOCALHOST.into()],
            Self::Primary => node.internal_ips.iter().copied().filter(|&ip| is_local(ip)).collect(),
            Self::Within(networks) => {
                local.iter().copied().filter(|ip| within(networks, *ip)).filter(|&ip| is_local(ip)).collect()
            }
        };
        found.retain(|ip| localhost == Localhost::Served || !ip.is_loopback());
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Addresses at which servers on node ports listen, given what [`Self::resolve`] found: the unspecified address of a
    /// family that is unrestricted, which is every address at once (semantics H5). A family that the host lacks is left out.
    pub fn listening(&self, resolved: &[IpAddr]) -> Vec<IpAddr> {
        let unrestricted = |family: Family| match self {
            Self::Primary => false,
            Self::Within(networks) => {
                let mut of_family = networks.iter().filter(|net| Family::of(net.addr()) == family).peekable();
                of_family.peek().is_none() || of_family.any(|net| net.prefix_len() == 0)
            }
        };
        let mut listening = Vec::new();
        for family in Family::ALL {
            let mut of_family = resolved.iter().copied().filter(|ip| Family::of(*ip) == family).peekable();
            match (of_family.peek(), family) {
                (Some(_), Family::V4) if unrestricted(family) => listening.push(Ipv4Addr::UNSPECIFIED.into()),
                (Some(_), Family::V6) if unrestricted(family) => listening.push(Ipv6Addr::UNSPECIFIED.into()),
                _ => listening.extend(of_family),
            }
        }
        listening
    }
}

/// Whether an address is in the networks of its family; a family without a network is unrestricted.
fn within(networks: &[IpNet], ip: IpAddr) -> bool {
    let mut of_family = networks.iter().filter(|net| net.addr().is_ipv4() == ip.is_ipv4()).peekable();
    of_family.peek().is_none() || of_family.any(|net| net.contains(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ports_are_on_primary_addresses_that_are_local_and_on_localhost_without_a_node() {
        let local: BTreeSet<IpAddr> =
            ["192.168.0.2", "10.0.0.5", "127.0.0.1"].map(|ip| ip.parse().unwrap()).into();
        let of = |wanted: NodePortAddresses, node: &Node, localhost| {
            let found = wanted.resolve(node, &local, |ip| local.contains(&ip), localhost);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let internal_ips = vec!["192.168.0.2".parse().unwrap(), "192.168.9.9".parse().unwrap()];
        let node = Node { known: true, internal_ips, ..Node::named("n") };
        let (served, never) = (Localhost::Served, Localhost::Never);
        assert_eq!(of(NodePortAddresses::Primary, &node, served), ["192.168.0.2"]);
        assert_eq!(of(NodePortAddresses::Primary, &Node::named("n"), served), ["127.0.0.1"]);
        assert!(of(NodePortAddresses::Primary, &Node::named("n"), never).is_empty());
        let within = |net: &str| NodePortAddresses::Within(vec![net.parse().unwrap()]);
        assert_eq!(of(within("10.0.0.0/8"), &node, served), ["10.0.0.5"]);
        assert!(of(within("127.0.0.0/8"), &node, never).is_empty());
        let all = ["10.0.0.5", "127.0.0.1", "192.168.0.2"];
        assert_eq!(of(within("fd00::/8"), &node, served), all, "IPv4 is unrestricted");
        assert_eq!(of(within("fd00::/8"), &node, never), [all[0], all[2]]);
    }
    #[test]
    fn an_unrestricted_family_that_the_host_has_is_listened_to_on_its_unspecified_address() {
        let within = |networks: &[&str]| {
            NodePortAddresses::Within(networks.iter().map(|net| net.parse().unwrap()).collect())
        };
        let both = ["192.168.0.2", "fd00::2"].map(|ip| ip.parse().unwrap());
        let of = |wanted: NodePortAddresses, resolved: &[IpAddr]| {
            wanted.listening(resolved).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of(NodePortAddresses::Primary, &both), ["192.168.0.2", "fd00::2"]);
        assert_eq!(of(within(&["192.168.0.0/16", "fd00::/8"]), &both), ["192.168.0.2", "fd00::2"]);
        assert_eq!(of(within(&["192.168.0.0/16"]), &both), ["192.168.0.2", "::"]);
        assert_eq!(of(within(&["192.168.0.0/16", "0.0.0.0/0", "fd00::/8"]), &both), ["0.0.0.0", "fd00::2"]);
        assert_eq!(of(within(&["192.168.0.0/16"]), &both[..1]), ["192.168.0.2"], "there is no IPv6 here");
    }
}
