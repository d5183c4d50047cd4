//! Which endpoint does a policy choose where endpoints differ in weight? (`maglev` has its weights in its table)

use super::{
    candidates::Candidates, least_connections, peak_ewma, random, round_robin::RoundRobin, weights::Weights,
};

/// A policy and the weights of a set.
#[derive(Debug)]
pub(super) struct Weighted {
    pub(super) weights: Weights,
    pub(super) policy: WeightedPolicy,
}

/// A policy that asks for the weights at each pick.
#[derive(Debug)]
pub(super) enum WeightedPolicy {
    Random,
    RoundRobin(RoundRobin),
    LeastConnections,
    PeakEwma,
}

impl Weighted {
    /// Count of picks of a rotation so far; 0 without one.
    pub(super) fn rotation(&self) -> usize {
        match &self.policy {
            WeightedPolicy::RoundRobin(rotation) => rotation.next(),
            _ => 0,
        }
    }

    pub(super) fn pick(&self, candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
        let weights = &self.weights;
        match &self.policy {
            WeightedPolicy::Random => random::pick_weighted(candidates, weights, entropy),
            WeightedPolicy::RoundRobin(rotation) => rotation.pick_weighted(candidates, weights),
            WeightedPolicy::LeastConnections => {
                least_connections::pick_weighted(candidates, weights, entropy)
            }
            WeightedPolicy::PeakEwma => peak_ewma::pick_weighted(candidates, weights, entropy),
        }
    }
}
