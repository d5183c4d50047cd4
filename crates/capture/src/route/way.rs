//! Which policy rules and routes are weir's, and how does netlink say them?

use crate::marks::{CAPTURED, FORWARDED, TO_ENDPOINT};
use rtnetlink::{
    RouteMessageBuilder,
    packet_route::{
        AddressFamily, IpProtocol,
        route::{RouteAttribute, RouteMessage, RouteMetric, RouteScope, RouteType},
        rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage},
    },
};
use std::net::{Ipv4Addr, Ipv6Addr};
use weir_core::{Family, PerFamily};

/// The routing table in which every address is this host's, for captured packets.
pub const TABLE: u32 = 20_736;

/// The routing table that leads to the pair of interfaces, for packets to endpoints that take the way of forwarded ones.
pub const FORWARDED_TABLE: u32 = 20_737;

/// The routing table that leads IPv6 datagrams there. Nobody cuts an IPv6 packet on its way: what is too large for one of
/// the host's interfaces must leave in fragments, although the pair would take it whole.
pub const DATAGRAM_TABLE: u32 = 20_738;

/// Priority of weir's first policy rule: after the table of local addresses, before the rules by which networks of pods
/// route by address (from 100 on where known).
pub const PRIORITY: u32 = 40;

/// Name of the interface by which packets leave.
pub(crate) const PAIR_OUT: &str = "weir0";
/// Name of the interface by which they come in again.
pub(crate) const PAIR_IN: &str = "weir1";

/// Where routes to the pair of interfaces lead. Nobody has these addresses: the pair asks nobody for a neighbour's hardware
/// address. The IPv4 address is the dummy one (RFC 7600).
pub(crate) const GATEWAYS: PerFamily<&str> = PerFamily { v4: "192.0.0.8", v6: "fe80::7765:6972" };
const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x7765, 0x6972);

/// Index of the interface `lo`, which is 1 in every network namespace.
const LOOPBACK: u32 = 1;

/// A policy rule of weir's, and the routing table that it leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// Bits of the mark that a packet must have.
    pub(super) mark: u32,
    /// Bits of the mark that are looked at.
    mask: u32,
    priority: u32,
    pub(super) table: u32,
    /// Whether the rule is for UDP only.
    pub(super) datagrams_only: bool,
}

impl Way {
    /// Captured packets, to the sockets of this host.
    pub(crate) const TO_SOCKETS: Self =
        Self { mark: CAPTURED, mask: CAPTURED, priority: PRIORITY, table: TABLE, datagrams_only: false };

    /// Packets to endpoints, to the pair of interfaces.
    pub(crate) const TO_PAIR: Self = Self {
        mark: FORWARDED,
        mask: FORWARDED | TO_ENDPOINT,
        priority: PRIORITY + 2,
        table: FORWARDED_TABLE,
        datagrams_only: false,
    };

    const DATAGRAMS_TO_PAIR: Self =
        Self { priority: PRIORITY + 1, table: DATAGRAM_TABLE, datagrams_only: true, ..Self::TO_PAIR };

    /// The ways to the pair of interfaces.
    pub(crate) fn to_pair(family: Family) -> &'static [Self] {
        match family {
            Family::V4 => &[Self::TO_PAIR],
            Family::V6 => &[Self::DATAGRAMS_TO_PAIR, Self::TO_PAIR],
        }
    }

    /// The policy rule, as it is added.
    pub(super) fn rule(&self, family: Family) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = address_family(family);
        message.header.action = RuleAction::ToTable;
        message.attributes = self.attributes();
        message
    }

    fn attributes(&self) -> Vec<RuleAttribute> {
        let mut attributes = vec![
            RuleAttribute::Table(self.table),
            RuleAttribute::Priority(self.priority),
            RuleAttribute::FwMark(self.mark),
            RuleAttribute::FwMask(self.mask),
        ];
        if self.datagrams_only {
            attributes.push(RuleAttribute::IpProtocol(IpProtocol::Udp));
        }
        attributes
    }

    /// Whether a policy rule of the kernel's does all that this one should, and nothing else.
    pub(super) fn is(&self, rule: &RuleMessage) -> bool {
        let inverted = rule.header.flags.contains(RuleFlags::Invert);
        !inverted && self.attributes().iter().all(|attribute| rule.attributes.contains(attribute))
    }

    /// The route of the way's table. `pair` is the index of the interface that it leads to, and the largest packet in bytes.
    pub(super) fn route(&self, family: Family, pair: (u32, u32)) -> RouteMessage {
        match (self, family) {
            (&Self::TO_SOCKETS, Family::V4) => to_this_host(RouteMessageBuilder::<Ipv4Addr>::new()).build(),
            (&Self::TO_SOCKETS, Family::V6) => to_this_host(RouteMessageBuilder::<Ipv6Addr>::new()).build(),
            (_, Family::V4) => {
                let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(GATEWAY_V4);
                self.over(route, pair)
            }
            (_, Family::V6) => {
                let route = RouteMessageBuilder::<Ipv6Addr>::new().gateway(GATEWAY_V6);
                self.over(route, pair)
            }
        }
    }

    fn over<Address>(
        &self,
        route: RouteMessageBuilder<Address>,
        (interface, mtu): (u32, u32),
    ) -> RouteMessage {
        let mut route = route.table_id(self.table).output_interface(interface).onlink().build();
        if self.datagrams_only {
            route.attributes.push(RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)]));
        }
        route
    }
}

fn to_this_host<Address>(route: RouteMessageBuilder<Address>) -> RouteMessageBuilder<Address> {
    route.table_id(TABLE).kind(RouteType::Local).scope(RouteScope::Host).output_interface(LOOPBACK)
}

pub(super) fn address_family(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}

/// Whether a policy rule leads to a table of weir's.
pub(super) fn is_own_rule(rule: &RuleMessage) -> bool {
    rule.attributes.iter().any(|attribute| matches!(attribute, RuleAttribute::Table(table) if is_own(*table)))
}

/// Whether a route is in a table of weir's.
pub(super) fn is_own_route(route: &RouteMessage) -> bool {
    let is_own =
        |attribute: &RouteAttribute| matches!(attribute, RouteAttribute::Table(table) if is_own(*table));
    route.attributes.iter().any(is_own)
}

fn is_own(table: u32) -> bool {
    [TABLE, FORWARDED_TABLE, DATAGRAM_TABLE].contains(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_are_written_in_rules_as_in_routes() {
        assert_eq!(GATEWAYS.v4.parse(), Ok(GATEWAY_V4));
        assert_eq!(GATEWAYS.v6.parse(), Ok(GATEWAY_V6));
    }

    #[test]
    fn a_socket_with_both_bits_is_not_routed_by_any_rule() {
        let socket = TO_ENDPOINT | FORWARDED;
        for way in [&Way::TO_SOCKETS].into_iter().chain(Way::to_pair(Family::V6)) {
            assert_ne!(socket & way.mask, way.mark, "{way:?}");
            assert_eq!(way.mark & way.mask, way.mark, "{way:?}");
        }
        assert_eq!(FORWARDED & Way::TO_PAIR.mask, Way::TO_PAIR.mark);
    }
}
