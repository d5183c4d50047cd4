//! What does weir's table look like as a whole?

use super::{
    base_chains::{base_chains, from_endpoint},
    names::{Key, OWNER_CHAIN, RangesChain, ReplyPort, TABLE, Verdict, digit, ip},
    origin::of_origin,
    own_packets::own_packets,
    passing::{is_connected, passing},
    syntax::{LATER, chain, mark, ranges_rule, set},
    table::Table,
};
use crate::{
    marks::CAPTURED,
    plan::{Plan, Treatment, with_port},
};
use std::fmt::Write;
use weir_core::{Family, Frontend, Origin, Protocol};

/// The script that replaces whatever tables were there by the whole new ones, in one transaction.
pub(crate) fn whole(table: &Table, plan: &Plan) -> String {
    let mut text = String::new();
    // Deleting what is not there would fail, adding what is there does not.
    let _ = writeln!(text, "add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{");
    chain(&mut text, &format!("{OWNER_CHAIN}{}", table.owner), &[]);
    chain(&mut text, "refuse", &["meta l4proto tcp reject with tcp reset".into(), "reject".into()]);
    chain(&mut text, "from_endpoint", &from_endpoint());
    for (id, (family, networks)) in plan.ranges().iter() {
        chain(&mut text, &RangesChain(id).to_string(), &[ranges_rule(*family, networks)]);
    }
    let reply_ports = plan.reply_ports().map(|port| format!("{} : {port}", ReplyPort(port)));
    set(&mut text, "reply_ports", "mark : inet_service", reply_ports);
    for family in table.families() {
        sets(&mut text, table, plan, family);
        passing(&mut text, table, plan, family);
        origins(&mut text, table, family);
        frontend(&mut text, table, family);
    }
    own_packets(&mut text, table);
    base_chains(&mut text, table);
    text.push_str("}\n");
    text
}

/// Writes the sets and maps of one family.
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
    let mut inside_only = of_origin(table, family, |_| Some("return".into()));
    inside_only.push("drop".into());
    chain(text, &format!("inside_only{digit}"), &inside_only);
    set(text, &format!("frontends{digit}"), &key, frontends().map(|(frontend, _)| Key(frontend)));
    let judged =
        frontends().filter(|(_, treatment)| treatment.is_judged()).map(|(frontend, _)| Key(frontend));
    set(text, &format!("judged{digit}"), &key, judged);
    set(text, &format!("guards{digit}"), &format!("{key} : verdict"), guards);
    set(text, &format!("exceptions{digit}"), &format!("{key} : verdict"), exceptions);
    if *table.bound.get(family) {
        stand_in_ports(text, plan, family, &key);
    }
    let cluster_ips = plan.cluster_ips().filter(|ip| Family::of(*ip) == family);
    set(text, &format!("cluster_ips{digit}"), address, cluster_ips);
}

/// Writes the sets of ports that stand in for those of bound frontends which a process of this host holds.
fn stand_in_ports(text: &mut String, plan: &Plan, family: Family, key: &str) {
    let digit = digit(family);
    let there = || plan.stand_in_ports().filter(|(key, _)| Family::of(key.address.ip()) == family);
    let to = |frontend: Frontend, port: u16| format!("{} : {port}", Key(frontend));
    let map = format!("{key} : inet_service");
    set(text, &format!("stand_in_ports{digit}"), &map, there().map(|(key, port)| to(key, port)));
    let back = there().map(|(key, port)| to(with_port(key, port), key.address.port()));
    set(text, &format!("original_ports{digit}"), &map, back);
    set(text, &format!("stand_ins{digit}"), key, there().map(|(key, port)| Key(with_port(key, port))));
}

/// Writes a chain for each origin, which gives packets to the capture socket of that origin, or refuses where there is none.
fn origins(text: &mut String, table: &Table, family: Family) {
    for (name, origin) in [("pod", Origin::Pod), ("node", Origin::Node), ("outside", Origin::Outside)] {
        let mut rules = Vec::new();
        for (protocol, word) in [(Protocol::Tcp, "tcp"), (Protocol::Udp, "udp")] {
            if *table.bound.get(family) {
                // By the name of its protocol: `th dport set` would leave the checksum as it was.
                rules.push(format!(
                    "{word} dport set {} daddr . meta l4proto . th dport map @stand_in_ports{}",
                    ip(family),
                    digit(family)
                ));
            }
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
        Origin::Pod => Some(format!("goto from_pod{}", digit(family))),
        _ => Some(format!("goto from_node{}", digit(family))),
    };
    let mut rules = of_origin(table, family, inside);
    rules.push(format!("goto from_outside{}", digit(family)));
    chain(text, &format!("give{}", digit(family)), &rules);
}

/// Writes the chains for packets to frontends. Verdicts concern new flows only; any other segment finds the socket of its
/// connection, or a listener that resets. Most frontends have none, and ask one set instead of three maps.
fn frontend(text: &mut String, table: &Table, family: Family) {
    let (ip, digit, captured) = (ip(family), digit(family), mark(CAPTURED));
    let key = format!("{ip} daddr . meta l4proto . th dport");
    let give = format!("goto give{digit}");
    let mut untracked = vec!["notrack".to_owned()];
    if *table.bound.get(family) {
        untracked.push(format!("{LATER} socket transparent 1 {captured} accept"));
    }
    // Before what makes packets untracked, since they stay so.
    let mut judged = vec![format!("{key} vmap @passing{digit}")];
    judged.extend_from_slice(&untracked);
    judged.push(format!("{LATER} {give}"));
    judged.extend(["guards", "exceptions"].map(|map| format!("{key} vmap @{map}{digit}")));
    judged.push(give.clone());
    chain(text, &format!("judge{digit}"), &judged);
    // Not given by TPROXY: the kernel then finds the socket and its route by itself, without asking the rules of routing.
    let mut rules = vec![
        format!("{LATER} socket transparent 1{} notrack {captured} accept", is_connected(table, family)),
        format!("{key} @judged{digit} goto judge{digit}"),
    ];
    rules.append(&mut untracked);
    rules.push(give);
    chain(text, &format!("frontend{digit}"), &rules);
}
