//! Which candidate comes next, one after another, whichever worker asks? (policy `round-robin`)

use super::{
    candidates::{Candidates, next},
    weights::Weights,
};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A rotation over a set.
#[derive(Debug)]
pub(super) struct RoundRobin {
    next: Box<Picks>,
    /// Points of the weights from one pick to the next; 1 without weights.
    step: u64,
}

/// Count of picks so far, on a cache line of its own: all workers write there, and read what is around the rotation.
#[derive(Debug)]
#[repr(align(128))]
struct Picks(AtomicUsize);

impl RoundRobin {
    pub(super) fn starting_at(next: usize) -> Self {
        Self { next: Box::new(Picks(AtomicUsize::new(next))), step: 1 }
    }

    /// A rotation over endpoints of these weights.
    pub(super) fn weighted(next: usize, weights: &Weights) -> Self {
        Self { step: step(weights.total()), ..Self::starting_at(next) }
    }

    pub(super) fn next(&self) -> usize {
        self.next.0.load(Ordering::Relaxed)
    }

    pub(super) fn pick(&self, candidates: &Candidates<'_>) -> Option<usize> {
        if candidates.targets.is_empty() {
            return None;
        }
        let count = candidates.targets.len();
        let next = self.next.0.fetch_add(1, Ordering::Relaxed);
        (0..count).map(|step| (next % count + step) % count).find(|&index| candidates.is_allowed(index))
    }

    /// Picks so that in as many picks as the sum of the weights each endpoint has as many as its weight, well spread: the
    /// points of the weights are visited in steps of about the golden ratio of them all, which reach each point once. The turn
    /// of an endpoint that is no candidate falls to the others in proportion to their weights.
    pub(super) fn pick_weighted(&self, candidates: &Candidates<'_>, weights: &Weights) -> Option<usize> {
        let picks = self.next.0.fetch_add(1, Ordering::Relaxed) as u64;
        let total = weights.total();
        let point = u128::from(picks % total) * u128::from(self.step) % u128::from(total);
        let index = weights.at(point as u64);
        if candidates.is_allowed(index) {
            return Some(index);
        }
        weights.draw(candidates, next(picks), None)
    }
}

/// Steps that are compared on either side of the golden ratio.
const MAX_OFF: u64 = 32;

/// The step by which a walk around `total` points reaches each once, and those of any part at times as even as can be.
fn step(total: u64) -> u64 {
    // 0.618... of 2^64.
    let golden = ((u128::from(total) * 0x9e37_79b9_7f4a_7c15) >> 64) as u64;
    let near = golden.saturating_sub(MAX_OFF).max(1)..=golden.saturating_add(MAX_OFF);
    near.min_by_key(|&step| unevenness(step, total)).unwrap_or(1)
}

/// The largest of the quotients of Euclid's algorithm: the larger, the longer a walk stays away from some points
/// (Niederreiter 1992, theorem 3.4). `u64::MAX` if the walk does not reach all points.
fn unevenness(step: u64, total: u64) -> u64 {
    let (mut larger, mut smaller, mut most) = (total, step % total, 0);
    while smaller != 0 {
        most = most.max(larger / smaller);
        (larger, smaller) = (smaller, larger % smaller);
    }
    if larger == 1 { most } else { u64::MAX }
}
