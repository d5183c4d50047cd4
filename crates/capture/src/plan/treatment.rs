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

/// The rules for new flows to a frontend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Treatment {
    /// Sources that are admitted, which is decided first (semantics A5); `None` admits all.
    pub(crate) ranges: Option<RangesId>,
    /// Verdict on new flows from admitted sources; `None` hands them to weir.
    pub(crate) exception: Option<Exception>,
}

impl Treatment {
    /// Number of elements of nftables sets that the treatment takes.
    pub(super) fn elements(self) -> usize {
        1 + usize::from(self.ranges.is_some()) + usize::from(self.exception.is_some())
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
    if claim.frontend.protocol == Protocol::Udp && exception != Some(Exception::Refuse) {
        return Treatment::default();
    }
    let sources = claim.port.sources(claim.kind, node);
    Treatment { ranges: sources.map(|sources| ranges.add_user(claim.port.family, &sources)), exception }
}
