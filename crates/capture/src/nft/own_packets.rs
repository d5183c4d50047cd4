//! Which rules do weir's own packets meet as they leave?
//!
//! One look at the mark leads them past all other rules, and all other packets past theirs.

use super::{
    names::{digit, ip},
    passing::remember,
    syntax::{chain, networks_of},
    table::Table,
};
use crate::marks::{FORWARDED, REPLY_PORT, TO_CLIENT, TO_ENDPOINT};
use weir_core::Family;

/// The first rule of `output`.
pub(super) fn leave() -> String {
    let both = TO_CLIENT | TO_ENDPOINT;
    format!(
        "meta mark & {both:#x} vmap {{ {TO_CLIENT:#x} : goto to_client, {TO_ENDPOINT:#x} : goto to_endpoint, \
         {both:#x} : goto in_name_of_client }}"
    )
}

/// Writes the chains that [`leave`] leads to.
pub(super) fn own_packets(text: &mut String, table: &Table) {
    chain(text, "to_client", &to_client(table));
    chain(text, "to_endpoint", &to_endpoint(table));
    // Datagrams from a client's address, which the kernel answers by an ICMP error: so it tells the client that nobody
    // listens, also where the Service's address is not of this host.
    chain(text, "in_name_of_client", &["meta l4proto udp reject".into(), "notrack accept".into()]);
}

/// Rules for packets to clients.
fn to_client(table: &Table) -> Vec<String> {
    let bound = || table.families().filter(|family| *table.bound.get(*family));
    let mut rules: Vec<_> = bound().map(|family| original_port(family, "tcp")).collect();
    rules.push("meta l4proto tcp notrack accept".into());
    rules.push(reply_port());
    rules.extend(bound().map(|family| original_port(family, "udp")));
    // After the port is what clients dialled.
    rules.extend(table.families().map(remember));
    rules.push("notrack accept".into());
    rules
}

/// The rule that gives datagrams the port that clients dialled, where a process of this host holds that port. The bits of
/// the mark that named the port are cleared, as other programs may look at them.
fn reply_port() -> String {
    let bits = TO_CLIENT | REPLY_PORT;
    format!(
        "meta mark & {bits:#x} > {TO_CLIENT:#x} meta l4proto udp udp sport set meta mark & {bits:#x} map @reply_ports \
         meta mark set meta mark & {:#x}",
        !REPLY_PORT
    )
}

/// The rule that gives packets the port that clients dialled, where another port stands in for it.
fn original_port(family: Family, protocol: &str) -> String {
    let (ip, digit) = (ip(family), digit(family));
    format!("{protocol} sport set {ip} saddr . meta l4proto . th sport map @original_ports{digit}")
}

/// Rules for packets to endpoints.
fn to_endpoint(table: &Table) -> Vec<String> {
    let mut rules: Vec<_> = table.forwards.then(forward).into_iter().collect();
    for family in table.families() {
        if let Some(networks) = networks_of(&table.pod_networks, family) {
            rules.push(format!("{} daddr {networks} notrack accept", ip(family)));
        }
    }
    rules.push("accept".into());
    rules
}

/// The rule that sends packets to endpoints the way of forwarded ones: without [`TO_ENDPOINT`], weir's policy rule leads
/// them to the pair of interfaces. The socket's own mark has both bits, so that its route, and with it source address and
/// segment size, is what it would be without the pair. Endpoints that are this host's own stay as they are.
///
/// Not tracked here, as connections are by the second pass: nobody may translate addresses for the pair.
fn forward() -> String {
    format!(
        "meta mark & {FORWARDED:#x} != 0 oif != \"lo\" notrack meta mark set meta mark & {:#x} accept",
        !TO_ENDPOINT
    )
}
