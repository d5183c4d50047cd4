//! What does weir's table look like as a whole?

use super::{Key, OWNER, RangesChain, ReplyPort, TABLE, Verdict, braces, commas, digit, ip, ranges_rule};
use crate::{
    marks::{CAPTURED, REPLY_PORT, TO_CLIENT, TO_ENDPOINT},
    plan::{Plan, Treatment},
};
use ipnet::IpNet;
use std::fmt::{Display, Write};
use weir_core::{CaptureSockets, Family, Frontend, Origin, PerFamily, Protocol};

/// Everything in the table that does not come from Services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Who makes it.
    pub(crate) owner: String,
    /// The sockets that packets are given to. Without them a protocol is refused; a family without any is left alone, unless its
    /// frontends are bound.
    pub(crate) capture_sockets: CaptureSockets,
    /// Families whose frontends are bound: packets are only routed to this host.
    pub(crate) bound: PerFamily<bool>,
    /// Networks of recognised pods.
    pub(crate) pods: Vec<IpNet>,
    /// The interface that packets of recognised pods come from; `*` at its end stands for anything.
    pub(crate) pod_interface: Option<String>,
    /// Networks of endpoints whose packets need no tracking.
    pub(crate) pod_networks: Vec<IpNet>,
    /// Where a Service that is not there is met with silence (semantics N5).
    pub(crate) service_cidrs: Vec<IpNet>,
}

impl Table {
    /// Whether anything of a family is captured.
    pub(crate) fn serves(&self, family: Family) -> bool {
        *self.bound.get(family) || self.capture_sockets.receive(family)
    }

    fn families(&self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(|family| self.serves(*family))
    }
}

/// The script that puts the whole table in the place of whatever was there, in one transaction.
pub(crate) fn whole(table: &Table, plan: &Plan) -> String {
    let mut text = String::new();
    // Deleting what is not there would fail, adding what is there does not.
    let _ = writeln!(text, "add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{");
    chain(&mut text, &format!("{OWNER}{}", table.owner), &[]);
    chain(&mut text, "refuse", &["meta l4proto tcp reject with tcp reset".into(), "reject".into()]);
    for (id, (family, networks)) in plan.ranges().iter() {
        chain(&mut text, &RangesChain(id).to_string(), &[ranges_rule(*family, networks)]);
    }
    let reply_ports = plan.reply_ports().map(|port| format!("{} : {port}", ReplyPort(port)));
    set(&mut text, "reply_ports", "mark : inet_service", reply_ports);
    for family in table.families() {
        sets(&mut text, table, plan, family);
        origins(&mut text, table, family);
        frontend(&mut text, family);
    }
    base_chains(&mut text, table);
    text.push_str("}\n");
    text
}

fn chain(text: &mut String, name: &str, rules: &[String]) {
    let _ = writeln!(text, "\tchain {name} {{");
    for rule in rules {
        let _ = writeln!(text, "\t\t{rule}");
    }
    text.push_str("\t}\n");
}

fn set(text: &mut String, name: &str, kind: &str, elements: impl IntoIterator<Item = impl Display>) {
    let keyword = if kind.contains(" : ") { "map" } else { "set" };
    let _ = write!(text, "\t{keyword} {name} {{ type {kind}; ");
    let elements = commas(elements);
    if !elements.is_empty() {
        let _ = write!(text, "elements = {{ {elements} }}; ");
    }
    text.push_str("}\n");
}

fn sets(text: &mut String, table: &Table, plan: &Plan, family: Family) {
    let digit = digit(family);
    let address = match family {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    };
    let key = format!("{address} . inet_proto . inet_service");
    let of_family = |(frontend, _): &(Frontend, Treatment)| Family::of(frontend.address.ip()) == family;
    let frontends = || plan.frontends().filter(of_family);
    let guards = frontends().filter_map(|(frontend, treatment)| {
        Some(format!("{} : jump {}", Key(frontend), RangesChain(treatment.ranges?)))
    });
    let exceptions = frontends().filter_map(|(frontend, treatment)| {
        Some(format!("{} : {}", Key(frontend), Verdict(treatment.exception?, family)))
    });
    let rules = ["return", "drop"].map(String::from);
    let inside_only = of_origin(table, family, |_| rules[0].clone(), &rules[1]);
    chain(text, &format!("inside_only{digit}"), &inside_only);
    set(text, &format!("frontends{digit}"), &key, frontends().map(|(frontend, _)| Key(frontend)));
    set(text, &format!("guards{digit}"), &format!("{key} : verdict"), guards);
    set(text, &format!("exceptions{digit}"), &format!("{key} : verdict"), exceptions);
    let cluster_ips = plan.cluster_ips().filter(|ip| Family::of(*ip) == family);
    set(text, &format!("cluster_ips{digit}"), address, cluster_ips);
}

/// Rules that tell where a packet comes from; the last one is for outsiders.
fn of_origin(table: &Table, family: Family, inside: impl Fn(Origin) -> String, outside: &str) -> Vec<String> {
    // A packet of this node was routed to lo. An outsider that uses an address of this node does not come from there.
    let mut rules = vec![format!("iif \"lo\" fib saddr type local {}", inside(Origin::Node))];
    if let Some(networks) = of_family(&table.pods, family) {
        rules.push(format!("{} saddr {networks} {}", ip(family), inside(Origin::Pod)));
    }
    if let Some(interface) = &table.pod_interface {
        rules.push(format!("iifname \"{interface}\" {}", inside(Origin::Pod)));
    }
    rules.push(outside.into());
    rules
}

/// Networks of one family in braces, none inside another; `None` where there are none.
fn of_family(networks: &[IpNet], family: Family) -> Option<String> {
    let of_family =
        networks.iter().filter(|net| Family::of(net.addr()) == family).map(IpNet::trunc).collect();
    let networks = IpNet::aggregate(&of_family);
    (!networks.is_empty()).then(|| braces(networks))
}

/// One chain for each origin: it gives the packet to the socket for it, or refuses where there is none.
fn origins(text: &mut String, table: &Table, family: Family) {
    for (name, origin) in [("pod", Origin::Pod), ("node", Origin::Node), ("outside", Origin::Outside)] {
        let mut rules = Vec::new();
        for (protocol, word) in [(Protocol::Tcp, "tcp"), (Protocol::Udp, "udp")] {
            let give = match (table.capture_sockets.ports(protocol, family), family) {
                // Only where a socket is there to receive it: for a closed one the kernel may stay silent.
                _ if *table.bound.get(family) => "socket transparent 1 ".into(),
                (Some(ports), Family::V4) => format!("tproxy ip to 127.0.0.1:{} ", ports.of(origin)),
                (Some(ports), Family::V6) => format!("tproxy ip6 to [::1]:{} ", ports.of(origin)),
                (None, _) => continue,
            };
            rules.push(format!("meta l4proto {word} {give}{} accept", mark(CAPTURED)));
        }
        // No socket listens: weir is not running.
        rules.push("goto refuse".into());
        chain(text, &format!("from_{name}{}", digit(family)), &rules);
    }
    let inside = |origin| match origin {
        Origin::Pod => format!("goto from_pod{}", digit(family)),
        _ => format!("goto from_node{}", digit(family)),
    };
    let rules = of_origin(table, family, inside, &format!("goto from_outside{}", digit(family)));
    chain(text, &format!("give{}", digit(family)), &rules);
}

/// What packets to a frontend get. Verdicts concern new flows only; any other segment finds its connection's socket, or a
/// listener that resets.
fn frontend(text: &mut String, family: Family) {
    let (ip, digit) = (ip(family), digit(family));
    let later = "meta l4proto tcp tcp flags & (syn | ack) != syn";
    let rules = [
        "notrack".into(),
        // Not given by TPROXY: the kernel then finds the socket and its route by itself, without asking the rules of routing.
        format!("{later} socket transparent 1 {} accept", mark(CAPTURED)),
        format!("{later} goto give{digit}"),
        format!("{ip} daddr . meta l4proto . th dport vmap @guards{digit}"),
        format!("{ip} daddr . meta l4proto . th dport vmap @exceptions{digit}"),
        format!("goto give{digit}"),
    ];
    chain(text, &format!("frontend{digit}"), &rules);
}

fn mark(bit: u32) -> String {
    format!("meta mark set meta mark | {bit:#x}")
}

fn base(text: &mut String, name: &str, hook: &str, rules: &[String]) {
    let hook = format!("type {hook}; policy accept;");
    chain(text, name, &[&[hook], rules].concat());
}

/// The chains that the kernel enters.
fn base_chains(text: &mut String, table: &Table) {
    base(text, "prerouting", "filter hook prerouting priority raw", &prerouting(table));
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

/// What weir sends to a process of this node leaves over lo, where a network plugin may take it for a pod's packet that
/// leaves the node. Its source is translated to itself: then nobody translates it any more.
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
        if let Some(networks) = of_family(&table.pod_networks, family) {
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

/// Of tracked connections: replies of endpoints that keep the client's address, and Services that are not there. After
/// the translation of others: theirs are not dropped.
fn prerouting_tracked(table: &Table) -> Vec<String> {
    let reply = format!("ct direction reply ct mark & {TO_ENDPOINT:#x} != 0 {} accept", mark(CAPTURED));
    [vec![reply], unallocated(table)].concat()
}

fn unallocated(table: &Table) -> Vec<String> {
    let own = TO_CLIENT | TO_ENDPOINT | CAPTURED;
    let rule = |family| {
        let networks = of_family(&table.service_cidrs, family)?;
        Some(format!("meta mark & {own:#x} == 0 {} daddr {networks} drop", ip(family)))
    };
    table.families().filter_map(rule).collect()
}

/// Packets of this node: those to Services are routed to lo, where they meet the rules of all others.
fn output(table: &Table) -> Vec<String> {
    let mut rules = vec![reply_port(), format!("meta mark & {TO_CLIENT:#x} != 0 notrack accept")];
    for family in table.families() {
        if let Some(networks) = of_family(&table.pod_networks, family) {
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

/// Gives datagrams to clients the port that these dialled, where a process of this host holds it. Others may look at the
/// bits that told it.
fn reply_port() -> String {
    let bits = TO_CLIENT | REPLY_PORT;
    format!(
        "meta mark & {bits:#x} > {TO_CLIENT:#x} meta l4proto udp udp sport set meta mark & {bits:#x} map @reply_ports \
         meta mark set meta mark & {:#x}",
        !REPLY_PORT
    )
}

fn output_tracked() -> Vec<String> {
    let bit = format!("{TO_ENDPOINT:#x}");
    vec![
        format!("meta mark & {bit} != 0 ct mark set ct mark | {bit} accept"),
        // Of an endpoint that is a process of this node.
        format!("ct direction reply ct mark & {bit} != 0 {} accept", mark(CAPTURED)),
    ]
}
