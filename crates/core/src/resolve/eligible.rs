//! Which endpoints may receive a new flow, and why not the others? (semantics R1-R6, T1-T7, P4)

use crate::model::{Endpoint, Node};

/// Why an endpoint does not receive new flows of a kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not ready, and not terminating either.
    NotReady,
    /// Terminating and no longer serving.
    TerminatedServing,
    /// Terminating but still serving; ready endpoints exist, so it is not needed.
    Terminating,
    /// Ready, but hinted for other nodes while enough endpoints are hinted for this one.
    HintedForOtherNode,
    /// Ready, but hinted for other zones.
    HintedForOtherZone,
    /// On another node, and the traffic policy is Local.
    OnOtherNode,
}

impl Reason {
    /// One word for tables, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not-ready",
            Self::TerminatedServing => "terminated",
            Self::Terminating => "terminating",
            Self::HintedForOtherNode => "other-node-hint",
            Self::HintedForOtherZone => "other-zone-hint",
            Self::OnOtherNode => "other-node",
        }
    }
}

/// Whether an endpoint may receive new flows, or the reason why not.
pub type Eligibility = Result<(), Reason>;

/// How cluster-wide traffic chooses among all endpoints of a port. Found once for a list, then applied to each endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClusterRule {
    /// Ready endpoints hinted for this node (semantics T4).
    HintedForNode,
    /// Ready endpoints hinted for this node's zone (semantics T1).
    HintedForZone,
    /// All ready endpoints.
    Ready,
    /// No endpoint is ready: terminating ones that still serve, wherever they are (semantics R3).
    Terminating,
}

impl ClusterRule {
    /// The rule that applies to this list on this node.
    pub(crate) fn of(endpoints: &[Endpoint], node: &Node) -> Self {
        let ready = || endpoints.iter().filter(|e| e.conditions.ready);
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

    /// Whether the endpoint is eligible under this rule.
    pub(crate) fn judge(self, endpoint: &Endpoint, node: &Node) -> Eligibility {
        if self == Self::Terminating {
            return judge_fallback(endpoint);
        }
        judge_ready(endpoint)?;
        match self {
            Self::HintedForNode if !hinted_for_node(endpoint, node) => Err(Reason::HintedForOtherNode),
            Self::HintedForZone if !hinted_for_zone(endpoint, node) => Err(Reason::HintedForOtherZone),
            _ => Ok(()),
        }
    }
}

/// How node-local traffic chooses. Hints never apply (semantics R4, T7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalRule {
    /// Ready endpoints on this node.
    Ready,
    /// None on this node is ready: terminating ones on this node that still serve.
    Terminating,
}

impl LocalRule {
    /// The rule that applies to this list on this node.
    pub(crate) fn of(endpoints: &[Endpoint], node: &Node) -> Self {
        if endpoints.iter().any(|e| e.conditions.ready && node.is_local(e.node.as_deref())) {
            Self::Ready
        } else {
            Self::Terminating
        }
    }

    /// Whether the endpoint is eligible under this rule.
    pub(crate) fn judge(self, endpoint: &Endpoint, node: &Node) -> Eligibility {
        if !node.is_local(endpoint.node.as_deref()) {
            return Err(Reason::OnOtherNode);
        }
        match self {
            Self::Ready => judge_ready(endpoint),
            Self::Terminating => judge_fallback(endpoint),
        }
    }
}

/// Whether some endpoint anywhere could be used, even if none is usable here (semantics R5).
pub(super) fn has_any(endpoints: &[Endpoint]) -> bool {
    endpoints.iter().any(|e| e.conditions.ready || e.conditions.is_fallback())
}

fn judge_ready(endpoint: &Endpoint) -> Eligibility {
    match endpoint.conditions {
        c if c.ready => Ok(()),
        c if c.is_fallback() => Err(Reason::Terminating),
        c if c.terminating => Err(Reason::TerminatedServing),
        _ => Err(Reason::NotReady),
    }
}

fn judge_fallback(endpoint: &Endpoint) -> Eligibility {
    match endpoint.conditions {
        c if c.is_fallback() => Ok(()),
        c if c.terminating => Err(Reason::TerminatedServing),
        _ => Err(Reason::NotReady),
    }
}

fn hinted_for_node(endpoint: &Endpoint, node: &Node) -> bool {
    !node.name.is_empty() && endpoint.hints.nodes.iter().any(|name| **name == *node.name)
}

fn hinted_for_zone(endpoint: &Endpoint, node: &Node) -> bool {
    node.zone.as_ref().is_some_and(|zone| endpoint.hints.zones.contains(zone))
}
