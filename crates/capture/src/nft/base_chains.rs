//! What do the rules of the chains that the kernel enters say?

use super::{
    names::{digit, ip},
    own_packets,
    syntax::{chain, mark, networks_of},
    table::Table,
};
use crate::{
    marks::{ALL, CAPTURED, FORWARDED, TO_CLIENT, TO_ENDPOINT},
    route::{GATEWAYS, PAIR_IN},
};
use weir_core::Family;

/// Writes all base chains.
pub(super) fn base_chains(text: &mut String, table: &Table) {
    // After the checks of sources that others have in raw (Calico): such a check that looks at the mark would find the route
    // of captured packets, which leads here, and drop them. Before connection tracking.
    base(text, "prerouting", "filter hook prerouting priority raw + 10", &prerouting(table));
    base(
        text,
        "prerouting_tracked",
        "filter hook prerouting priority dstnat + 10",
        &prerouting_tracked(table),
    );
    base(text, "output", "route hook output priority raw", &output(table));
    base(text, "output_tracked", "route hook output priority mangle", &output_tracked(table));
    base(text, "output_unallocated", "filter hook output priority filter", &unallocated(table));
    base(text, "postrouting", "nat hook postrouting priority srcnat - 1", &postrouting(table));
}

/// Writes a base chain, unless it is empty: each packet would enter it for nothing.
fn base(text: &mut String, name: &str, hook: &str, rules: &[String]) {
    if rules.is_empty() {
        return;
    }
    let hook = format!("type {hook}; policy accept;");
    chain(text, name, &[&[hook], rules].concat());
}

/// Rules that translate the source of packets to this node's own processes to itself, so that nobody translates it any
/// more. They leave over `lo`, where a network plugin may take them for a pod's packets that leave the node.
fn postrouting(table: &Table) -> Vec<String> {
    let of_family = |family| {
        let (protocol, ip) = match family {
            Family::V4 => ("ipv4", ip(family)),
            Family::V6 => ("ipv6", ip(family)),
        };
        format!(
            "oif \"lo\" meta mark & {TO_ENDPOINT:#x} != 0 meta nfproto {protocol} snat {ip} to {ip} saddr"
        )
    };
    table.families().map(of_family).collect()
}

/// Rules for all packets before connection tracking.
fn prerouting(table: &Table) -> Vec<String> {
    let mut rules = Vec::new();
    if table.forwards {
        // weir's own packets on the way of forwarded ones, which are nobody's from here on: the mark would bring them back
        // to the pair of interfaces.
        rules.push(format!("iifname \"{PAIR_IN}\" meta mark set meta mark & {:#x} accept", !ALL));
    }
    // weir's own packets, on their way over lo.
    rules.push(format!("meta mark & {:#x} != 0 accept", TO_CLIENT | TO_ENDPOINT));
    let captured = mark(CAPTURED);
    for family in table.families() {
        let (ip, digit) = (ip(family), digit(family));
        if *table.bound.get(family) {
            // Only what was sent to the frontend may come to the port that stands in for its own.
            rules.push(format!(
                "meta l4proto {{ tcp, udp }} {ip} daddr . meta l4proto . th dport @stand_ins{digit} goto refuse"
            ));
        }
        rules.push(format!(
            "meta l4proto {{ tcp, udp }} {ip} daddr . meta l4proto . th dport @frontends{digit} goto frontend{digit}"
        ));
        // After the frontends: a socket that answers for one must not swallow what clients send to it.
        if let Some(networks) = networks_of(&table.pod_networks, family) {
            let reply = format!("{ip} saddr {networks} meta l4proto {{ tcp, udp }} socket");
            if table.forwards {
                // Tracked, as what it answers: else no chain `forward` would ever see an established connection. Asks for the
                // mark only, which tells weir's sockets: each question is a look-up of the socket.
                let both = TO_ENDPOINT | FORWARDED;
                rules.push(format!("{reply} mark & {both:#x} == {both:#x} {captured} accept"));
            }
            rules.push(format!("{reply} transparent 1 jump from_endpoint"));
        }
        let errors = match family {
            Family::V4 => "icmp type { destination-unreachable, time-exceeded, parameter-problem }",
            Family::V6 => {
                "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }"
            }
        };
        // Errors of connections whose local address is a client's or a frontend's: the kernel would send them on.
        rules.push(format!("{errors} socket transparent 1 socket mark & {TO_CLIENT:#x} != 0 notrack"));
        rules.push(format!(
            "{errors} socket transparent 1 socket mark & {TO_ENDPOINT:#x} != 0 {captured} accept"
        ));
        rules.push(format!("{ip} daddr @cluster_ips{digit} goto refuse"));
    }
    rules
}

/// Rules for packets of pods for which there is a transparent socket: answers of endpoints come to weir, which another
/// program's sockets get by the rules of that program. A socket in TIME_WAIT still says that it is transparent, but has no
/// mark any more, so that neither of the first two rules matches.
pub(super) fn from_endpoint() -> Vec<String> {
    let (is_own, take) =
        (format!("socket mark & {TO_ENDPOINT:#x}"), format!("notrack {} accept", mark(CAPTURED)));
    vec![format!("{is_own} != 0 {take}"), format!("{is_own} == 0 return"), format!("meta l4proto tcp {take}")]
}

/// Rules for tracked connections: replies of endpoints that saw the client's address, and packets to addresses of no
/// Service. After other programs' translation, so that packets that they translate are not dropped.
fn prerouting_tracked(table: &Table) -> Vec<String> {
    let mut rules = Vec::new();
    if table.forwards {
        // A connection that lived before it took this way may have been seen first by a reply.
        rules.push(format!(
            "iifname \"{PAIR_IN}\" ct direction original ct mark set ct mark | {TO_ENDPOINT:#x} accept"
        ));
        rules.push(format!("iifname \"{PAIR_IN}\" accept"));
    }
    rules.push(format!("ct direction reply ct mark & {TO_ENDPOINT:#x} != 0 {} accept", mark(CAPTURED)));
    rules.extend(unallocated(table));
    rules
}

/// Rules that drop packets to addresses of no Service.
fn unallocated(table: &Table) -> Vec<String> {
    let rule = |family| {
        let networks = networks_of(&table.service_cidrs, family)?;
        Some(format!("meta mark & {ALL:#x} == 0 {} daddr {networks} drop", ip(family)))
    };
    table.families().filter_map(rule).collect()
}

/// Rules for packets of this node. Those to Services are routed to `lo`, where they meet the same rules as all others.
fn output(table: &Table) -> Vec<String> {
    let mut rules = vec![own_packets::leave()];
    for family in table.families() {
        let (ip, digit, captured) = (ip(family), digit(family), mark(CAPTURED));
        let key = format!("{ip} daddr . meta l4proto . th dport");
        // The kernel sends no ICMP error from an address that is not local to one that is: not from prerouting. From here
        // it does, and the sender's call fails, as it does with kube-proxy.
        let here = family == Family::V4;
        for map in ["guards", "exceptions"].iter().filter(|_| here) {
            rules.push(format!("meta l4proto udp {key} vmap @{map}{digit}"));
        }
        rules.push(format!("meta l4proto {{ tcp, udp }} {key} @frontends{digit} notrack {captured} accept"));
        if here {
            rules.push(format!("meta l4proto != tcp {ip} daddr @cluster_ips{digit} goto refuse"));
        }
        rules.push(format!("{ip} daddr @cluster_ips{digit} notrack {captured} accept"));
    }
    rules
}

/// Rules that drop packets on the way of forwarded ones which the policy rule did not lead to the pair, because somebody
/// took the rule, the route or the pair away: packets that nothing has judged must not leave.
fn strayed(table: &Table) -> Vec<String> {
    let both = TO_ENDPOINT | FORWARDED;
    let of_family = |family| {
        let (protocol, ip) = match family {
            Family::V4 => ("ipv4", ip(family)),
            Family::V6 => ("ipv6", ip(family)),
        };
        let gateway = GATEWAYS.get(family);
        format!(
            "meta mark & {both:#x} == {FORWARDED:#x} meta nfproto {protocol} rt {ip} nexthop != {gateway} drop"
        )
    };
    table.families().filter(|_| table.forwards).map(of_family).collect()
}

/// Rules that mark the connections to endpoints, and capture replies of endpoints on this node.
fn output_tracked(table: &Table) -> Vec<String> {
    let bit = format!("{TO_ENDPOINT:#x}");
    let mut rules = strayed(table);
    rules.push(format!("meta mark & {bit} != 0 ct mark set ct mark | {bit} accept"));
    // Of an endpoint that is a process of this node, or of a firewall of this node that rejects.
    rules.push(format!("ct direction reply ct mark & {bit} != 0 {} accept", mark(CAPTURED)));
    rules
}
