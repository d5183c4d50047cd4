//! Which of two random candidates has fewer live connections? (policy `least-connections`)
//!
//! Two choices come close to the true minimum without looking at every endpoint, and they do not send every
//! newcomer to the same idle one (Mitzenmacher 2001, "The Power of Two Choices in Randomized Load Balancing").

use super::{
    candidates::{Candidates, next},
    weights::Weights,
};
use crate::health::Load;

pub(super) fn pick(candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
    // The first is uniform by itself, so equal loads give a uniform spread.
    let two = candidates.two(entropy)?;
    Some(candidates.cheaper(two, entropy, Load::live))
}

pub(super) fn pick_weighted(candidates: &Candidates<'_>, weights: &Weights, entropy: u64) -> Option<usize> {
    // The first is drawn by weight, so equal loads give shares in proportion to the weights.
    let first = weights.draw(candidates, entropy, None)?;
    let second = weights.draw(candidates, next(entropy), Some(first)).unwrap_or(first);
    Some(weights.cheaper(candidates, (first, second), entropy, |_| 1.0))
}
