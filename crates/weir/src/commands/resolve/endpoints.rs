//! Which endpoints does a frontend have, or why none?

use super::view::{Row, View};
use crate::commands::load::shortage;
use weir_control::Loaded;
use weir_core::{Audience, Claimant, Origin, Protocol, Verdict};

/// Endpoints that are listed, unless the table is wide; more are counted.
const MAX_LISTED_ENDPOINTS: usize = 3;

/// Endpoints that a client from outside this node gets, as text; else why there is none, and what clients see.
pub(super) fn endpoints(loaded: &Loaded, view: &View, row: &Row, wide: bool) -> String {
    let Row { port, kind, .. } = row;
    if port.key.protocol == Protocol::Sctp {
        return "none: weir does not relay SCTP".to_owned();
    }
    if let Some(winner) = view.winner_over(row) {
        let why = winner.rank().precedence(row.rank());
        return format!("none: the address is that of {}: {why}", winner.rank());
    }
    let origin = match port.audience(*kind) {
        None => return none(loaded, row),
        Some(Audience::Everyone) => Origin::Outside,
        Some(Audience::NodeOnly) => Origin::Node,
    };
    let Some(set) = port.endpoints(port.traffic(*kind, origin)) else { return String::new() };
    let most = if wide { set.len() } else { MAX_LISTED_ENDPOINTS };
    let listed: Vec<String> = set.iter().take(most).map(|e| e.address.to_string()).collect();
    let more = match set.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" + {more} more"),
    };
    let scope = match origin {
        Origin::Node if port.passes(*kind, Origin::Outside) => {
            " (this node only; in node mode others go on untouched)"
        }
        Origin::Node => " (this node only)",
        _ => "",
    };
    format!("{}{more}{scope}", listed.join(","))
}

/// Reason why nobody gets an endpoint. The node itself has the widest choice.
fn none(loaded: &Loaded, row: &Row) -> String {
    let Row { port, kind, .. } = row;
    let why = shortage(loaded, port, port.traffic(*kind, Origin::Node)).unwrap_or_default();
    match port.verdict(*kind, Origin::Node) {
        _ if port.passes(*kind, Origin::Outside) => {
            format!("none: refused, or in node mode packets go on untouched but for the node's own: {why}")
        }
        // Bind mode has no socket there then, so that the kernel refuses.
        Verdict::Drop => format!("none: refused, or in node mode no answer: {why}"),
        _ => format!("none: clients are refused: {why}"),
    }
}
