//! Which endpoints may receive a new flow, and why not the others? (semantics R1-R6, T1-T7, P4)
//!
//! An endpoint of weight 0 is in maintenance: in every rule it counts like one that is not ready and not terminating.

use crate::model::{Endpoint, Node, Overridden, Weight};

/// Why an endpoint receives no new flows of a kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ineligible {
    /// The endpoint is neither ready nor terminating.
    NotReady,
    /// The endpoint is terminating and no longer serving.
    TerminatedServing,
    /// The endpoint is terminating and still serving, but not needed while others are ready.
    Terminating,
    /// The endpoint is ready, but hinted for other nodes, and some endpoint is hinted for this one.
    HintedForOtherNode,
    /// The endpoint is ready, but hinted for other zones, and some endpoint is hinted for this one.
    HintedForOtherZone,
    /// The endpoint is on another node, and the traffic policy is Local.
    OnOtherNode,
    /// The endpoint, or its node, is drained by an operator.
    Drained,
    /// The weight of the endpoint is 0.
    Maintenance,
}

impl Ineligible {
    /// The word for tables, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not-ready",
            Self::TerminatedServing => "terminated",
            Self::Terminating => "terminating",
            Self::HintedForOtherNode => "other-node-hint",
            Self::HintedForOtherZone => "other-zone-hint",
            Self::OnOtherNode => "other-node",
            Self::Drained => "drained",
            Self::Maintenance => "maintenance",
        }
    }

    /// The reason after "the endpoint is".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::NotReady => "not ready",
            Self::TerminatedServing => "terminating and no longer serving",
            Self::Terminating => "terminating, while others are ready",
            Self::HintedForOtherNode => "hinted for other nodes",
            Self::HintedForOtherZone => "hinted for other zones",
            Self::OnOtherNode => "not on this node, and the traffic policy is Local",
            Self::Drained => "drained by an operator",
            Self::Maintenance => "in maintenance, as the weight is 0",
        }
    }
}

/// Whether an endpoint may receive new flows, or why not.
pub type Eligibility = Result<(), Ineligible>;

/// The rule by which cluster-wide traffic chooses among all endpoints of a port: found once for a list, then applied to each
/// endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClusterRule {
    /// Eligible are ready endpoints hinted for this node (semantics T4).
    HintedForNode,
    /// Eligible are ready endpoints hinted for this node's zone (semantics T1).
    HintedForZone,
    /// Eligible are all ready endpoints.
    Ready,
    /// No endpoint is ready: eligible are terminating ones that are still serving, wherever they are (semantics R3).
    Terminating,
}

impl ClusterRule {
    /// The rule for a list of endpoints on `node`.
    pub(crate) fn of(endpoints: &[Endpoint], node: &Node) -> Self {
        let ready = || endpoints.iter().filter(|e| is_ready(e));
        if ready().next().is_none() {
            return Self::Terminating;
        }
        // One ready endpoint without a hint switches a mode off (semantics T2).
        if ready().all(|e| !e.hints.nodes.is_empty()) && ready().any(|e| hinted_for_node(e, node)) {
            return Self::HintedForNode;
        }
        if ready().all(|e| !e.hints.zones.is_empty()) && ready().any(|e| hinted_for_zone(e, node)) {
            return Self::HintedForZone;
        }
        Self::Ready
    }

    /// Whether an endpoint of the list is eligible.
    pub(crate) fn judge(self, endpoint: &Endpoint, node: &Node) -> Eligibility {
        if self == Self::Terminating {
            return judge_fallback(endpoint);
        }
        judge_ready(endpoint)?;
        match self {
            Self::HintedForNode if !hinted_for_node(endpoint, node) => Err(Ineligible::HintedForOtherNode),
            Self::HintedForZone if !hinted_for_zone(endpoint, node) => Err(Ineligible::HintedForOtherZone),
            _ => Ok(()),
        }
    }
}

/// The rule by which node-local traffic chooses. Hints never apply (semantics R4, T7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalRule {
    /// Eligible are ready endpoints on this node.
    Ready,
    /// No endpoint on this node is ready: eligible are terminating ones on this node that are still serving.
    Terminating,
}

impl LocalRule {
    /// The rule for a list of endpoints on `node`.
    pub(crate) fn of(endpoints: &[Endpoint], node: &Node) -> Self {
        if endpoints.iter().any(|e| is_ready(e) && node.is_local(e.node.as_deref())) {
            Self::Ready
        } else {
            Self::Terminating
        }
    }

    /// Whether an endpoint of the list is eligible.
    pub(crate) fn judge(self, endpoint: &Endpoint, node: &Node) -> Eligibility {
        if !node.is_local(endpoint.node.as_deref()) {
            return Err(Ineligible::OnOtherNode);
        }
        match self {
            Self::Ready => judge_ready(endpoint),
            Self::Terminating => judge_fallback(endpoint),
        }
    }
}

/// Whether some endpoint is usable on some node, even if none is usable on this one (semantics R5).
pub(super) fn has_any(endpoints: &[Endpoint]) -> bool {
    endpoints.iter().any(|e| is_ready(e) || (e.conditions.is_fallback() && judge_weight(e).is_ok()))
}

/// Whether an endpoint is ready and not in maintenance.
pub(super) fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.ready && endpoint.weight != Weight::MAINTENANCE
}

fn judge_weight(endpoint: &Endpoint) -> Eligibility {
    match (endpoint.weight, endpoint.overridden) {
        (Weight::MAINTENANCE, Some(Overridden::Drained)) => Err(Ineligible::Drained),
        (Weight::MAINTENANCE, _) => Err(Ineligible::Maintenance),
        _ => Ok(()),
    }
}

fn judge_ready(endpoint: &Endpoint) -> Eligibility {
    match endpoint.conditions {
        c if c.ready => judge_weight(endpoint),
        c if c.is_fallback() => Err(Ineligible::Terminating),
        c if c.terminating => Err(Ineligible::TerminatedServing),
        _ => Err(Ineligible::NotReady),
    }
}

fn judge_fallback(endpoint: &Endpoint) -> Eligibility {
    match endpoint.conditions {
        c if c.is_fallback() || c.ready => judge_weight(endpoint),
        c if c.terminating => Err(Ineligible::TerminatedServing),
        _ => Err(Ineligible::NotReady),
    }
}

fn hinted_for_node(endpoint: &Endpoint, node: &Node) -> bool {
    !node.name.is_empty() && endpoint.hints.nodes.iter().any(|name| **name == *node.name)
}

fn hinted_for_zone(endpoint: &Endpoint, node: &Node) -> bool {
    node.zone.as_ref().is_some_and(|zone| endpoint.hints.zones.contains(zone))
}
