//! Which candidate, each with the same probability, as kube-proxy chooses? (policy `random`)

use super::{candidates::Candidates, weights::Weights};

pub(super) fn pick(candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
    candidates.any(entropy)
}

pub(super) fn pick_weighted(candidates: &Candidates<'_>, weights: &Weights, entropy: u64) -> Option<usize> {
    weights.draw(candidates, entropy, None)
}
