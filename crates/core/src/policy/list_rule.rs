//! By which rule does a list of endpoints of a Service port choose? (semantics R1-R6, T1-T7, P4)

use super::traffic::Traffic;
use crate::{
    model::{Endpoint, Node},
    resolve::{ClusterRule, Eligibility, LocalRule},
};

/// The rule of one of the two lists, found once for all endpoints of a port.
#[derive(Clone, Copy, Debug)]
pub struct ListRule(Rule);

#[derive(Clone, Copy, Debug)]
enum Rule {
    Cluster(ClusterRule),
    Local(LocalRule),
}

impl ListRule {
    /// The rule by which a kind of traffic chooses among `endpoints` on `node`.
    pub fn of(traffic: Traffic, endpoints: &[Endpoint], node: &Node) -> Self {
        Self(match traffic {
            Traffic::Cluster => Rule::Cluster(ClusterRule::of(endpoints, node)),
            Traffic::Local => Rule::Local(LocalRule::of(endpoints, node)),
        })
    }

    /// Whether an endpoint of the list is eligible.
    pub fn judge(self, endpoint: &Endpoint, node: &Node) -> Eligibility {
        match self.0 {
            Rule::Cluster(rule) => rule.judge(endpoint, node),
            Rule::Local(rule) => rule.judge(endpoint, node),
        }
    }
}
