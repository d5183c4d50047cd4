//! What do the rules of the chains that the kernel enters say?

use super::{
    names::{digit, ip},
    syntax::{chain, mark, networks_of},
    table::Table,
};
use crate::marks::{CAPTURED, REPLY_PORT, TO_CLIENT, TO_ENDPOINT};
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
    base(text, "output_tracked", "route hook output priority mangle", &output_tracked());
    base(text, "output_unallocated", "filter hook output priority filter", &unallocated(table));
    base(text, "postrouting", "nat hook postrouting priority srcnat - 1", &postrouting(table));
}

fn base(text: &mut String, name: &str, hook: &str, rules: &[String]) {
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
    // weir's own packets, on their way over lo.
    let mut rules = vec![format!("meta mark & {:#x} != 0 accept", TO_CLIENT | TO_ENDPOINT)];
    let captured = mark(CAPTURED);
    for family in table.families() {
        let (ip, digit) = (ip(family), digit(family));
        rules.push(format!(
            "meta l4proto {{ tcp, udp }} {ip} daddr . meta l4proto . th dport @frontends{digit} goto frontend{digit}"
        ));
        // After the frontends: a socket that answers for one must not swallow what clients send to it.
        if let Some(networks) = networks_of(&table.pod_networks, family) {
            rules.push(format!(
                "{ip} saddr {networks} meta l4proto {{ tcp, udp }} socket transparent 1 notrack {captured} accept"
            ));
        }
        let errors = match family {
            Family::V4 => "icmp type { destination-unreachable, time-exceeded, parameter-problem }",
            Family::V6 => {
                "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }"
            }
        };
        // Errors of connections whose local address is a client's or a frontend's: the kernel would send them on.
        rules.push(format!("{errors} socket transparent 1 socket mark & {TO_CLIENT:#x} != 0 notrack"));
        rules.push(format!("{errors} socket transparent 1 {captured} accept"));
        rules.push(format!("{ip} daddr @cluster_ips{digit} goto refuse"));
    }
    rules
}

/// Rules for tracked connections: replies of endpoints that saw the client's address, and packets to addresses of no
/// Service. After other programs' translation, so that packets that they translate are not dropped.
fn prerouting_tracked(table: &Table) -> Vec<String> {
    let reply = format!("ct direction reply ct mark & {TO_ENDPOINT:#x} != 0 {} accept", mark(CAPTURED));
    [vec![reply], unallocated(table)].concat()
}

/// Rules that drop packets to addresses of no Service.
fn unallocated(table: &Table) -> Vec<String> {
    let own = TO_CLIENT | TO_ENDPOINT | CAPTURED;
    let rule = |family| {
        let networks = networks_of(&table.service_cidrs, family)?;
        Some(format!("meta mark & {own:#x} == 0 {} daddr {networks} drop", ip(family)))
    };
    table.families().filter_map(rule).collect()
}

/// Rules for packets of this node. Those to Services are routed to `lo`, where they meet the same rules as all others.
fn output(table: &Table) -> Vec<String> {
    let mut rules =
        vec![unreachable(), reply_port(), format!("meta mark & {TO_CLIENT:#x} != 0 notrack accept")];
    for family in table.families() {
        if let Some(networks) = networks_of(&table.pod_networks, family) {
            let to_endpoint = format!("meta mark & {TO_ENDPOINT:#x} != 0");
            rules.push(format!("{to_endpoint} {} daddr {networks} notrack accept", ip(family)));
        }
    }
    rules.push(format!("meta mark & {TO_ENDPOINT:#x} != 0 accept"));
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

/// The rule that rejects datagrams which weir sends in the name of a client, from the client's address: so the kernel tells
/// the client that nobody listens, also where the Service's address is not of this host.
fn unreachable() -> String {
    let both = TO_CLIENT | TO_ENDPOINT;
    format!("meta mark & {both:#x} == {both:#x} meta l4proto udp reject")
}

/// The rule that gives datagrams to clients the port that these dialled, where a process of this host holds that port. The
/// bits of the mark that named the port are cleared, as other programs may look at them.
fn reply_port() -> String {
    let bits = TO_CLIENT | REPLY_PORT;
    format!(
        "meta mark & {bits:#x} > {TO_CLIENT:#x} meta l4proto udp udp sport set meta mark & {bits:#x} map @reply_ports \
         meta mark set meta mark & {:#x}",
        !REPLY_PORT
    )
}

/// Rules that mark the connections to endpoints, and capture replies of endpoints on this node.
fn output_tracked() -> Vec<String> {
    let bit = format!("{TO_ENDPOINT:#x}");
    vec![
        format!("meta mark & {bit} != 0 ct mark set ct mark | {bit} accept"),
        // Of an endpoint that is a process of this node.
        format!("ct direction reply ct mark & {bit} != 0 {} accept", mark(CAPTURED)),
    ]
}
