//! How are chains, sets and rules written?

use super::names::ip;
use ipnet::IpNet;
use std::fmt::{Display, Write};
use weir_core::Family;

/// Matches segments of TCP connections that are no requests for one.
pub(super) const LATER: &str = "meta l4proto tcp tcp flags & (syn | ack) != syn";

/// Writes a chain with these rules, for the body of a table.
pub(super) fn chain(text: &mut String, name: &str, rules: &[String]) {
    let _ = writeln!(text, "\tchain {name} {{");
    for rule in rules {
        let _ = writeln!(text, "\t\t{rule}");
    }
    text.push_str("\t}\n");
}

/// Writes a set, or a map where `kind` names a type of values, with its elements.
pub(super) fn set(
    text: &mut String,
    name: &str,
    kind: &str,
    elements: impl IntoIterator<Item = impl Display>,
) {
    let keyword = if kind.contains(" : ") { "map" } else { "set" };
    let _ = write!(text, "\t{keyword} {name} {{ type {kind}; ");
    let elements = commas(elements);
    if !elements.is_empty() {
        let _ = write!(text, "elements = {{ {elements} }}; ");
    }
    text.push_str("}\n");
}

/// The networks of one family between braces, none inside another; `None` where there are none.
pub(super) fn networks_of(networks: &[IpNet], family: Family) -> Option<String> {
    let of_family =
        networks.iter().filter(|net| Family::of(net.addr()) == family).map(IpNet::trunc).collect();
    let networks = IpNet::aggregate(&of_family);
    (!networks.is_empty()).then(|| braces(networks))
}

/// The statement that sets one bit of a packet's mark.
pub(super) fn mark(bit: u32) -> String {
    format!("meta mark set meta mark | {bit:#x}")
}

/// The one rule of the chain of a list of sources: drops packets from any other source.
pub(super) fn ranges_rule(family: Family, networks: &[IpNet]) -> String {
    match networks {
        [] => "drop".into(),
        networks => format!("{} saddr != {} drop", ip(family), braces(networks)),
    }
}

/// Items between braces, as in an anonymous set.
pub(super) fn braces(items: impl IntoIterator<Item = impl Display>) -> String {
    format!("{{ {} }}", commas(items))
}

/// Items with commas between them.
pub(super) fn commas(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&item.to_string());
    }
    text
}
