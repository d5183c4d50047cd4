//! What do new flows to a frontend get?

use super::ranges::{Ranges, RangesId};
use weir_core::{Claim, Node, Origin, Protocol, Verdict};

/// A verdict on new flows to a frontend other than to hand them to weir.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exception {
    /// A refusal (semantics N1).
    Refuse,
    /// Silence (semantics N2).
    Silent,
    /// Silence, unless the flow comes from a pod or from this node (semantics N3, P6).
    InsideOnly,
}

/// Which packets to a frontend go on untouched (kep#6272). Of all of them packets of weir's open connections are excepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Passing {
    /// Those of TCP connections that passed while no endpoint was here, and go on elsewhere. New flows are served.
    Connections,
    /// Those of clients from outside. Pods and this node are served.
    Outsiders,
    /// Those of all but this node's own processes: nobody is served.
    AllButNode,
}

/// The rules for new flows to a frontend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Treatment {
    /// Sources that are admitted, which is decided first (semantics A5); `None` admits all.
    pub(crate) ranges: Option<RangesId>,
    /// Verdict on new flows from admitted sources; `None` hands them to weir.
    pub(crate) exception: Option<Exception>,
    /// Packets from admitted sources that go on untouched, which is decided before the exception.
    pub(crate) passing: Option<Passing>,
    /// Whether the clients that get datagrams from here are remembered for a while: once flows pass, theirs go on here.
    pub(crate) remembers: bool,
}

impl Treatment {
    /// Whether some packets do not come to weir.
    pub(crate) fn is_judged(&self) -> bool {
        self.ranges.is_some() || self.exception.is_some() || self.passing.is_some()
    }

    /// Number of elements of nftables sets that the treatment takes.
    pub(super) fn elements(self) -> usize {
        1 + usize::from(self.is_judged())
            + usize::from(self.ranges.is_some())
            + usize::from(self.exception.is_some())
            + usize::from(self.passing.is_some())
            + usize::from(self.remembers)
    }
}

/// The treatment that follows from the claim on a frontend. Adds a user to the source ranges in it.
pub(super) fn treatment(claim: &Claim, node: &Node, ranges: &mut Ranges) -> Treatment {
    let verdict = |origin| claim.port.verdict(claim.kind, origin);
    let exception = match (verdict(Origin::Outside), verdict(Origin::Node)) {
        (Verdict::Endpoint(_), _) => None,
        (Verdict::Reject, _) => Some(Exception::Refuse),
        (Verdict::Drop, Verdict::Endpoint(_)) => Some(Exception::InsideOnly),
        (Verdict::Drop, _) => Some(Exception::Silent),
    };
    // Datagrams of a flow that weir still serves go on whatever policy says (semantics C2, C3): weir decides which do.
    let is_udp = claim.frontend.protocol == Protocol::Udp;
    let is_judged_by_weir = is_udp && exception != Some(Exception::Refuse);
    let passing = passing(claim);
    let remembers = is_udp && claim.port.asks_to_pass(claim.kind);
    let treatment = Treatment { passing, remembers, ..Treatment::default() };
    if is_judged_by_weir && passing.is_none() {
        return treatment;
    }
    let sources = claim.port.sources(claim.kind, node);
    Treatment {
        ranges: sources.map(|sources| ranges.add_user(claim.port.family, &sources)),
        exception: exception.filter(|_| !is_judged_by_weir),
        ..treatment
    }
}

fn passing(claim: &Claim) -> Option<Passing> {
    let passes = |origin| claim.port.passes(claim.kind, origin);
    match (passes(Origin::Outside), passes(Origin::Pod)) {
        (true, true) => Some(Passing::AllButNode),
        (true, false) => Some(Passing::Outsiders),
        // Flows of datagrams that passed come here, as they do with kube-proxy (semantics C2).
        (false, _) => {
            let may_pass = claim.frontend.protocol == Protocol::Tcp && claim.port.asks_to_pass(claim.kind);
            may_pass.then_some(Passing::Connections)
        }
    }
}
