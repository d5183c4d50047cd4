//! Where does a packet come from, by rules?

use super::{names::ip, syntax::networks_of, table::Table};
use weir_core::{Family, Origin};

/// Rules that decide about packets from inside, by where they come from; an origin without a verdict has none.
pub(super) fn of_origin(
    table: &Table,
    family: Family,
    inside: impl Fn(Origin) -> Option<String>,
) -> Vec<String> {
    // A packet of this node was routed to lo. An outsider that uses an address of this node does not come from there.
    let mut rules = Vec::new();
    rules.extend(inside(Origin::Node).map(|verdict| format!("iif \"lo\" fib saddr type local {verdict}")));
    if let Some(verdict) = inside(Origin::Pod) {
        if let Some(networks) = networks_of(&table.pods, family) {
            rules.push(format!("{} saddr {networks} {verdict}", ip(family)));
        }
        if let Some(interface) = &table.pod_interface {
            rules.push(format!("iifname \"{interface}\" {verdict}"));
        }
    }
    rules
}
