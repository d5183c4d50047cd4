//! By which rule does a list of endpoints of a Service port choose? (semantics R1-R6, T1-T7, P4)

use super::traffic::Traffic;
use crate::{
    model::{Endpoint, Node},
    resolve::{ClusterRule, Eligibility, LocalRule},
};

/// The rule of one of the two lists, found once for all endpoints of a port.
#[derive(Clone, Copy, Debug)]
pub(super) enum ListRule {
    Cluster(ClusterRule),
    Local(LocalRule),
}

impl ListRule {
    pub(super) fn of(traffic: Traffic, endpoints: &[Endpoint], node: &Node) -> Self {
        match traffic {
            Traffic::Cluster => Self::Cluster(ClusterRule::of(endpoints, node)),
            Traffic::Local => Self::Local(LocalRule::of(endpoints, node)),
        }
    }

    /// Whether an endpoint of the list is eligible.
    pub(super) fn judge(self, endpoint: &Endpoint, node: &Node) -> Eligibility {
        match self {
            Self::Cluster(rule) => rule.judge(endpoint, node),
            Self::Local(rule) => rule.judge(endpoint, node),
        }
    }
}
