//! On which addresses of this host are node ports served? (semantics A4)

use crate::model::{Family, Node};
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The addresses of this host on which node ports are served (kube-proxy: `--nodeport-addresses`). All choices count
/// together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePortAddresses {
    /// Whether the InternalIPs of the Node object that are on this host are chosen. They restrict both families.
    pub primary: bool,
    /// Whether 127.0.0.1 and ::1 are chosen, whatever the networks say.
    pub localhost: bool,
    /// Chosen networks. A family without any choice is unrestricted, and so is one with a /0.
    pub networks: Vec<IpNet>,
}

/// One choice of addresses for node ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePortChoice {
    /// The Node's InternalIPs.
    Primary,
    /// The loopback networks of both families.
    Localhost,
    /// Every address of both families, localhost included.
    All,
    /// Addresses in a network.
    Within(IpNet),
}

/// How this proxy serves node ports on localhost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Localhost {
    /// As on any other address, and there only while no Node object is known. For a mode that binds all its sockets.
    LikeOthers,
    /// On 127.0.0.1 and ::1, where they are chosen by name or by a network that is itself one of loopback addresses: not by
    /// a /0, nor where a family is unrestricted (kube-proxy: `ContainsExplicitLoopback`). For a mode that captures the
    /// packets to all other addresses.
    WhereNamed,
}

const LOCALHOST: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

impl Default for NodePortAddresses {
    fn default() -> Self {
        Self { primary: true, localhost: false, networks: Vec::new() }
    }
}

impl FromIterator<NodePortChoice> for NodePortAddresses {
    /// Combines choices; without any, all addresses but localhost are chosen.
    fn from_iter<I: IntoIterator<Item = NodePortChoice>>(choices: I) -> Self {
        let mut chosen = Self::within(Vec::new());
        for choice in choices {
            match choice {
                NodePortChoice::Primary => chosen.primary = true,
                NodePortChoice::Localhost => chosen.networks.extend(loopback_networks()),
                NodePortChoice::All => {
                    chosen.localhost = true;
                    chosen.networks.extend(zero_networks());
                }
                NodePortChoice::Within(network) => chosen.networks.push(network),
            }
        }
        chosen
    }
}

impl NodePortAddresses {
    /// The addresses in these networks; all addresses of a family that none of them is of.
    pub fn within(networks: Vec<IpNet>) -> Self {
        Self { primary: false, localhost: false, networks }
    }

    /// The addresses on this host, sorted. `local` are the addresses of its interfaces; `is_local` asks the kernel about one
    /// address.
    pub fn resolve(
        &self,
        node: &Node,
        local: &BTreeSet<IpAddr>,
        is_local: impl Fn(IpAddr) -> bool,
        localhost: Localhost,
    ) -> Vec<IpAddr> {
        let mut found: BTreeSet<IpAddr> = local.iter().copied().filter(|&ip| self.contains(ip)).collect();
        if self.primary && node.known {
            found.extend(&node.internal_ips);
        } else if self.primary {
            found.insert(Ipv4Addr::LOCALHOST.into());
        }
        if localhost == Localhost::WhereNamed {
            found.retain(|ip| !ip.is_loopback());
            found.extend(LOCALHOST.into_iter().filter(|ip| local.contains(ip) && self.names(*ip)));
        }
        found.into_iter().filter(|&ip| is_local(ip)).collect()
    }

    /// Addresses at which servers on node ports listen, given what [`Self::resolve`] found: the unspecified address of a
    /// family that is unrestricted, which is every address at once (semantics H5). A family that the host lacks is left out.
    pub fn listening(&self, resolved: &[IpAddr]) -> Vec<IpAddr> {
        let mut listening = Vec::new();
        for family in Family::ALL {
            let mut of_family = resolved.iter().copied().filter(|ip| Family::of(*ip) == family).peekable();
            match (of_family.peek(), family) {
                (Some(_), Family::V4) if self.is_unrestricted(family) => {
                    listening.push(Ipv4Addr::UNSPECIFIED.into());
                }
                (Some(_), Family::V6) if self.is_unrestricted(family) => {
                    listening.push(Ipv6Addr::UNSPECIFIED.into());
                }
                _ => listening.extend(of_family),
            }
        }
        listening
    }

    /// Networks of a family that are chosen.
    pub fn of_family(&self, family: Family) -> impl Iterator<Item = IpNet> + '_ {
        self.networks.iter().copied().filter(move |net| Family::of(net.addr()) == family)
    }

    /// Whether every address of a family is chosen.
    pub fn is_unrestricted(&self, family: Family) -> bool {
        let mut networks = self.of_family(family).peekable();
        (networks.peek().is_none() && !self.primary) || networks.any(|net| net.prefix_len() == 0)
    }

    fn contains(&self, ip: IpAddr) -> bool {
        let family = Family::of(ip);
        self.is_unrestricted(family) || self.of_family(family).any(|net| net.contains(&ip))
    }

    /// Whether a loopback address is chosen by more than a choice of everything.
    fn names(&self, loopback: IpAddr) -> bool {
        self.localhost || self.networks.iter().any(|net| net.addr().is_loopback() && net.contains(&loopback))
    }
}

fn loopback_networks() -> [IpNet; 2] {
    [IpNet::new_assert(LOCALHOST[0], 8).trunc(), IpNet::new_assert(LOCALHOST[1], 128)]
}

fn zero_networks() -> [IpNet; 2] {
    [IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0), IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use NodePortChoice::{All, Localhost as OnLocalhost, Primary};

    fn within(net: &str) -> NodePortChoice {
        NodePortChoice::Within(net.parse().unwrap())
    }

    fn resolved(choices: &[NodePortChoice], node: &Node, localhost: Localhost) -> Vec<String> {
        let local = ["192.168.0.2", "10.0.0.5", "127.0.0.1", "127.0.0.2", "fd00::2", "2001:db8::2", "::1"];
        let local: BTreeSet<IpAddr> = local.map(|ip| ip.parse().unwrap()).into();
        let chosen: NodePortAddresses = choices.iter().copied().collect();
        let found = chosen.resolve(node, &local, |ip| local.contains(&ip), localhost);
        found.iter().map(ToString::to_string).collect()
    }

    fn node() -> Node {
        let internal_ips = ["192.168.0.2", "192.168.9.9", "fd00::2"].map(|ip| ip.parse().unwrap()).to_vec();
        Node { known: true, internal_ips, ..Node::named("n") }
    }

    #[test]
    fn choices_of_addresses_for_node_ports_count_together() {
        let of = |choices: &[NodePortChoice]| resolved(choices, &node(), Localhost::WhereNamed);
        let (primary, other) = (["192.168.0.2", "fd00::2"], ["10.0.0.5", "192.168.0.2"]);
        assert_eq!(of(&[Primary]), primary);
        assert_eq!(of(&[Primary, OnLocalhost]), ["127.0.0.1", primary[0], "::1", primary[1]]);
        assert_eq!(of(&[OnLocalhost]), ["127.0.0.1", "::1"]);
        assert_eq!(of(&[Primary, within("10.0.0.0/8")]), [other[0], other[1], "fd00::2"]);
        let everywhere = ["10.0.0.5", "192.168.0.2", "2001:db8::2", "fd00::2"];
        assert_eq!(of(&[within("0.0.0.0/0"), within("::/0")]), everywhere, "localhost is not named");
        let all = ["10.0.0.5", "127.0.0.1", "192.168.0.2", "::1", "2001:db8::2", "fd00::2"];
        assert_eq!(of(&[All]), all);
        assert_eq!(of(&[within("0.0.0.0/0"), within("::/0"), OnLocalhost]), all);
        assert_eq!(of(&[Primary, within("10.0.0.0/8"), within("::/0")])[..2], other);
    }

    #[test]
    fn a_family_without_a_choice_is_unrestricted_but_does_not_name_localhost() {
        let of = |choices: &[NodePortChoice]| resolved(choices, &node(), Localhost::WhereNamed);
        assert_eq!(of(&[within("10.0.0.0/8")]), ["10.0.0.5", "2001:db8::2", "fd00::2"]);
        assert_eq!(of(&[within("127.0.0.1/32")]), ["127.0.0.1", "2001:db8::2", "fd00::2"]);
        assert_eq!(of(&[within("::1/128")]), ["10.0.0.5", "192.168.0.2", "::1"]);
        assert_eq!(of(&[within("127.0.0.0/8"), within("fd00::/64")]), ["127.0.0.1", "fd00::2"]);
        assert_eq!(of(&[within("127.0.0.2/32"), Primary]), primary_only(), "it is not 127.0.0.1");
        assert_eq!(of(&[within("126.0.0.0/7"), Primary]), primary_only(), "it is no loopback network");
    }

    fn primary_only() -> [&'static str; 2] {
        ["192.168.0.2", "fd00::2"]
    }

    #[test]
    fn where_all_sockets_are_bound_localhost_is_like_others_and_all_there_is_without_a_node() {
        let of = |choices: &[NodePortChoice], node: &Node| resolved(choices, node, Localhost::LikeOthers);
        assert_eq!(of(&[Primary], &node()), primary_only());
        assert_eq!(of(&[Primary], &Node::named("n")), ["127.0.0.1"]);
        assert_eq!(of(&[within("127.0.0.0/8"), Primary], &node())[..2], ["127.0.0.1", "127.0.0.2"]);
        let v4 = ["10.0.0.5", "127.0.0.1", "127.0.0.2", "192.168.0.2"];
        assert_eq!(of(&[within("fd00::/8")], &node())[..4], v4, "IPv4 is unrestricted");
        let unknown = resolved(&[Primary], &Node::named("n"), Localhost::WhereNamed);
        assert!(unknown.is_empty());
        assert_eq!(resolved(&[Primary, OnLocalhost], &Node::named("n"), Localhost::WhereNamed).len(), 2);
    }

    #[test]
    fn an_unrestricted_family_that_the_host_has_is_listened_to_on_its_unspecified_address() {
        let both = ["192.168.0.2", "fd00::2"].map(|ip| ip.parse().unwrap());
        let of = |choices: &[NodePortChoice], resolved: &[IpAddr]| {
            let chosen: NodePortAddresses = choices.iter().copied().collect();
            chosen.listening(resolved).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of(&[Primary], &both), ["192.168.0.2", "fd00::2"]);
        assert_eq!(of(&[All], &both), ["0.0.0.0", "::"]);
        assert_eq!(of(&[within("192.168.0.0/16"), within("fd00::/8")], &both), ["192.168.0.2", "fd00::2"]);
        assert_eq!(of(&[within("192.168.0.0/16")], &both), ["192.168.0.2", "::"]);
        let zero = [within("192.168.0.0/16"), within("0.0.0.0/0"), within("fd00::/8")];
        assert_eq!(of(&zero, &both), ["0.0.0.0", "fd00::2"]);
        assert_eq!(of(&[within("192.168.0.0/16")], &both[..1]), ["192.168.0.2"], "there is no IPv6 here");
    }
}
