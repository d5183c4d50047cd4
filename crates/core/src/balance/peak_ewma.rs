//! Which of two random candidates has the lower product of connect time and live connections? (policy `peak-ewma`)
//!
//! A slow endpoint gets fewer connections before it has many (Finagle, "Aperture Load Balancers"; also in Linkerd). The two may
//! be the same: so the slowest of all is still tried now and then, and is found out when it has become faster.

use super::{
    candidates::{Candidates, next},
    weights::Weights,
};

pub(super) fn pick(candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
    let first = candidates.any(entropy)?;
    let second = candidates.any(entropy.rotate_left(32)).unwrap_or(first);
    Some(candidates.cheaper((first, second), entropy, |load| load.connect_time().cost(load.live())))
}

pub(super) fn pick_weighted(candidates: &Candidates<'_>, weights: &Weights, entropy: u64) -> Option<usize> {
    let first = weights.draw(candidates, entropy, None)?;
    let second = weights.draw(candidates, next(entropy), None).unwrap_or(first);
    Some(weights.cheaper(candidates, (first, second), entropy, |load| load.connect_time().cost(0).into()))
}
