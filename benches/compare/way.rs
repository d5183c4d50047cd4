//! Which ways are there from a client to an endpoint?

use crate::{bed::network, work::Work};
use clap::ValueEnum;
use serde::Serialize;
use std::net::Ipv4Addr;

/// A way from the client to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// No proxy between client and endpoint.
    Direct,
    /// The kernel translates addresses, by rules of nftables.
    Nat,
    /// HAProxy in TCP mode.
    Haproxy,
    /// The same with the options that make it faster.
    HaproxyTuned,
    /// NGINX' stream module.
    Nginx,
    /// The same with the options that make it faster.
    NginxTuned,
    /// realm, which always splices.
    Realm,
    /// The same with the options that make it faster.
    RealmTuned,
    /// weir at an address that it binds.
    Weir,
    /// The same on a host that tracks connections, as nodes do.
    WeirTracked,
    /// weir in node mode: the rules bring what is for the address, and the endpoint sees the client's, as with kernel NAT.
    WeirNode,
    /// The same, with packets to endpoints on the way of forwarded ones, where NetworkPolicy judges them.
    WeirNodeForwarded,
}

impl Way {
    /// All ways, in the order of the report.
    pub(crate) const ALL: [Self; 12] = [
        Self::Direct,
        Self::Nat,
        Self::Haproxy,
        Self::HaproxyTuned,
        Self::Nginx,
        Self::NginxTuned,
        Self::Realm,
        Self::RealmTuned,
        Self::Weir,
        Self::WeirTracked,
        Self::WeirNode,
        Self::WeirNodeForwarded,
    ];

    /// The other proxies, each in its plain form.
    pub(crate) const PEERS: [Self; 3] = [Self::Haproxy, Self::Nginx, Self::Realm];

    /// Name of the way in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nat => "kernel NAT",
            Self::Haproxy => "HAProxy",
            Self::HaproxyTuned => "HAProxy, tuned",
            Self::Nginx => "NGINX",
            Self::NginxTuned => "NGINX, tuned",
            Self::Realm => "realm",
            Self::RealmTuned => "realm, tuned",
            Self::Weir => "weir",
            Self::WeirTracked => "weir, tracked",
            Self::WeirNode => "weir, node mode",
            Self::WeirNodeForwarded => "weir, node mode, forwarded",
        }
    }

    /// Name of the way on the command line.
    pub(crate) fn argument(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether a process relays the bytes.
    pub(crate) const fn has_process(self) -> bool {
        !matches!(self, Self::Direct | Self::Nat)
    }

    /// Whether the process is weir.
    pub(crate) const fn is_weir(self) -> bool {
        matches!(self, Self::Weir | Self::WeirTracked) || self.has_rules()
    }

    /// Whether the way is weir's node mode, whose rules outlive the process.
    pub(crate) const fn has_rules(self) -> bool {
        matches!(self, Self::WeirNode | Self::WeirNodeForwarded)
    }

    /// The other proxy of which this way is a form; `None` if no other proxy relays.
    pub(crate) const fn peer(self) -> Option<Self> {
        match self {
            Self::Haproxy | Self::HaproxyTuned => Some(Self::Haproxy),
            Self::Nginx | Self::NginxTuned => Some(Self::Nginx),
            Self::Realm | Self::RealmTuned => Some(Self::Realm),
            Self::Direct
            | Self::Nat
            | Self::Weir
            | Self::WeirTracked
            | Self::WeirNode
            | Self::WeirNodeForwarded => None,
        }
    }

    /// Whether another proxy runs with the options that make it faster.
    pub(crate) const fn is_tuned(self) -> bool {
        matches!(self, Self::HaproxyTuned | Self::NginxTuned | Self::RealmTuned)
    }

    /// Address that clients dial.
    pub(crate) const fn address(self) -> Ipv4Addr {
        match self {
            Self::Direct => network::DIRECT_ENDPOINT,
            _ => network::FRONTEND,
        }
    }

    /// Whether the way can do a work: HAProxy relays no UDP, and only processes have memory that could grow.
    pub(crate) fn can(self, work: Work) -> bool {
        match work {
            Work::Udp | Work::UdpOne | Work::OpenUdp => self.peer() != Some(Self::Haproxy),
            Work::Idle => self.has_process(),
            _ => true,
        }
    }

    /// Descriptors that one relayed connection takes: realm opens a pipe for each direction at once.
    pub(crate) const fn descriptors(self) -> usize {
        match self {
            Self::Realm | Self::RealmTuned => 6,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn haproxy_is_not_asked_for_udp() {
        let for_udp: Vec<Way> = Way::ALL.into_iter().filter(|way| way.can(Work::Udp)).collect();
        assert!(!for_udp.contains(&Way::Haproxy) && !for_udp.contains(&Way::HaproxyTuned));
        assert_eq!(for_udp.len(), Way::ALL.len() - 2);
    }

    #[test]
    fn each_other_proxy_has_a_plain_and_a_tuned_form() {
        for peer in Way::PEERS {
            let forms: Vec<Way> = Way::ALL.into_iter().filter(|way| way.peer() == Some(peer)).collect();
            assert!(matches!(forms[..], [plain, tuned] if plain == peer && tuned.is_tuned()), "{forms:?}");
            assert!(!peer.is_tuned());
        }
    }

    #[test]
    fn memory_is_asked_of_processes_only() {
        let for_memory = Way::ALL.into_iter().filter(|way| way.can(Work::Idle));
        assert!(for_memory.eq(Way::ALL.into_iter().filter(|way| way.has_process())));
    }
}
