//! How do answers to a client's address come to this host, where a bridge would take them to the client?
//!
//! A table of the family `bridge` gives such a frame the bridge's own hardware address, so that the bridge hands the packet
//! to the host's IP stack, where it finds weir's socket. What finds none is routed back onto the bridge, and arrives.
//!
//! The rules match as narrowly as they can without knowing any endpoint: both addresses in the network of one bridge, TCP or
//! UDP, from a port that a server may have to one from which weir speaks in a client's name; and the ICMP errors about what
//! weir has sent. A pod's own flow to its neighbour matches only if it comes from such a port, too.

use super::{
    names::{BRIDGE_TABLE, digit, ip},
    syntax::{braces, chain},
};
use std::{
    fmt::Write,
    hash::{DefaultHasher, Hash, Hasher},
};
use weir_core::{BridgeNetwork, Family, LAST_BRIDGED_SERVER_PORT, PortRange};

/// The script that replaces the table of family `bridge`, or removes it where there are no networks.
pub(crate) fn bridge_table(networks: &[BridgeNetwork], source_ports: &[PortRange]) -> String {
    let mut text = format!("add table {BRIDGE_TABLE}\ndelete table {BRIDGE_TABLE}\n");
    if networks.is_empty() {
        return text;
    }
    let _ = writeln!(text, "table {BRIDGE_TABLE} {{");
    for family in Family::ALL {
        let header = ip(family);
        let id = fragment_id(family);
        // How a datagram is told from others whose fragments are on the way; nobody waits longer for a fragment.
        let _ = writeln!(
            text,
            "\tset fragments{} {{ typeof {header} saddr . {header} daddr . {id}; size 65535; flags dynamic,timeout; timeout 30s; }}",
            digit(family)
        );
    }
    let ports = braces(PortRange::all_used(source_ports));
    let mut entries = vec!["type filter hook prerouting priority -300; policy accept;".to_owned()];
    for (index, on) in networks.iter().enumerate() {
        let (family, network) = (Family::of(on.network.addr()), on.network);
        let header = ip(family);
        chain(&mut text, &format!("neighbours_{index}"), &neighbours(on, family, &ports));
        entries.push(format!("{header} saddr {network} {header} daddr {network} goto neighbours_{index}"));
    }
    chain(&mut text, "prerouting", &entries);
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    // Says to a weir that takes over which rules these are.
    chain(&mut text, &format!("{RULES_CHAIN}{:016x}", hasher.finish()), &[]);
    text.push_str("}\n");
    text
}

/// The name of the chain in a script or a listing of the table that tells which rules the table has; `None` without one.
pub(crate) fn rules_chain(text: &str) -> Option<&str> {
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("chain "));
    names.filter_map(|name| name.split_whitespace().next()).find(|name| name.starts_with(RULES_CHAIN))
}

/// Prefix of the chain whose name tells which rules the table has.
const RULES_CHAIN: &str = "rules_";

/// Rules for frames between two addresses of one network.
fn neighbours(on: &BridgeNetwork, family: Family, ports: &str) -> Vec<String> {
    let [a, b, c, d, e, f] = on.hardware_address;
    // The frame was for another host, by its hardware address: IP would drop the packet.
    let hand_over = format!(
        "ether daddr set {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x} meta pkttype set host accept"
    );
    let answers = |header| format!("{header} sport <= {LAST_BRIDGED_SERVER_PORT} {header} dport {ports}");
    let (header, digit) = (ip(family), digit(family));
    // Only the first fragment has ports.
    let key = format!("{header} saddr . {header} daddr . {}", fragment_id(family));
    let (first, later) = match family {
        Family::V4 => ("ip frag-off & 0x3fff == 0x2000", "ip frag-off & 0x1fff != 0"),
        Family::V6 => ("frag frag-off 0 frag more-fragments 1", "frag frag-off > 0"),
    };
    // The datagram or segment that the error is about follows the error's own 8 bytes and its own IP header.
    let (errors, source) = match family {
        Family::V4 => {
            ("icmp type { destination-unreachable, time-exceeded, parameter-problem }", (8 + 20) * 8)
        }
        Family::V6 => (
            "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }",
            (8 + 40) * 8,
        ),
    };
    vec![
        format!("{first} {} update @fragments{digit} {{ {key} }}", answers("udp")),
        format!("{later} {key} @fragments{digit} {hand_over}"),
        // What comes now in place of ports is content.
        format!("{later} accept"),
        format!("meta l4proto {{ tcp, udp }} {} {hand_over}", answers("th")),
        format!(
            "{errors} @th,{source},16 {ports} @th,{},16 <= {LAST_BRIDGED_SERVER_PORT} {hand_over}",
            source + 16
        ),
    ]
}

fn fragment_id(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip id",
        Family::V6 => "frag id",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(network: &str) -> BridgeNetwork {
        BridgeNetwork {
            bridge: "cni0".into(),
            hardware_address: [2, 0, 0, 0, 0xa, 1],
            network: network.parse().unwrap(),
            elsewhere: Vec::new(),
            hands_over: false,
        }
    }

    #[test]
    fn a_chain_tells_which_rules_the_table_has() {
        let of = |network: &str| bridge_table(&[on(network)], &[PortRange::DEFAULT_SOURCES]);
        let (one, other) = (of("10.244.1.0/24"), of("10.244.2.0/24"));
        assert!(rules_chain(&one).is_some() && rules_chain(&one) == rules_chain(&of("10.244.1.0/24")));
        assert_ne!(rules_chain(&one), rules_chain(&other));
        assert_eq!(rules_chain("table bridge weir {\n\tchain prerouting {\n\t}\n}\n"), None);
    }

    #[test]
    fn without_networks_nothing_is_left() {
        assert_eq!(bridge_table(&[], &[]), "add table bridge weir\ndelete table bridge weir\n");
    }

    #[test]
    fn only_answers_from_servers_ports_to_ports_of_weir_between_neighbours_are_handed_over() {
        let text = bridge_table(&[on("10.244.1.0/24"), on("fd00:244::/64")], &[PortRange::DEFAULT_SOURCES]);
        for rule in [
            "ip saddr 10.244.1.0/24 ip daddr 10.244.1.0/24 goto neighbours_0",
            "ip6 saddr fd00:244::/64 ip6 daddr fd00:244::/64 goto neighbours_1",
            "meta l4proto { tcp, udp } th sport <= 32767 th dport { 600-1023, 1024-32767 } \
             ether daddr set 02:00:00:00:0a:01 meta pkttype set host accept",
            "@th,224,16 { 600-1023, 1024-32767 } @th,240,16 <= 32767",
            "@th,384,16 { 600-1023, 1024-32767 } @th,400,16 <= 32767",
        ] {
            assert!(text.contains(rule), "{rule}: {text}");
        }
    }
}
