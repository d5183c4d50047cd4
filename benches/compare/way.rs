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
    /// NGINX' stream module.
    Nginx,
    /// realm.
    Realm,
    /// weir at an address that it binds.
    Weir,
    /// weir in node mode: the rules bring what is for the address, and the endpoint sees the client's, as with kernel NAT.
    WeirNode,
    /// The same, with packets to endpoints on the way of forwarded ones, where NetworkPolicy judges them.
    WeirNodeForwarded,
}

impl Way {
    /// All ways, in the order of the report.
    pub(crate) const ALL: [Self; 8] = [
        Self::Direct,
        Self::Nat,
        Self::Haproxy,
        Self::Nginx,
        Self::Realm,
        Self::Weir,
        Self::WeirNode,
        Self::WeirNodeForwarded,
    ];

    /// Name of the way in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nat => "kernel NAT",
            Self::Haproxy => "HAProxy",
            Self::Nginx => "NGINX",
            Self::Realm => "realm",
            Self::Weir => "weir",
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
        matches!(self, Self::Weir) || self.has_rules()
    }

    /// Whether the way is weir's node mode, whose rules outlive the process.
    pub(crate) const fn has_rules(self) -> bool {
        matches!(self, Self::WeirNode | Self::WeirNodeForwarded)
    }

    /// Whether weir is compared with the best of these ways.
    pub(crate) const fn is_other_proxy(self) -> bool {
        matches!(self, Self::Haproxy | Self::Nginx | Self::Realm)
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
            Work::Udp | Work::UdpOne | Work::OpenUdp => self != Self::Haproxy,
            Work::Idle => self.has_process(),
            _ => true,
        }
    }

    /// Descriptors that one relayed connection takes: realm opens a pipe for each direction at once.
    pub(crate) const fn descriptors(self) -> usize {
        match self {
            Self::Realm => 6,
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
        assert!(!for_udp.contains(&Way::Haproxy) && for_udp.len() == Way::ALL.len() - 1);
    }

    #[test]
    fn memory_is_asked_of_processes_only() {
        let for_memory = Way::ALL.into_iter().filter(|way| way.can(Work::Idle));
        assert!(for_memory.eq(Way::ALL.into_iter().filter(|way| way.has_process())));
    }
}
