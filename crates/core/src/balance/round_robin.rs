//! Which candidate comes next, one after another, whichever worker asks? (policy `round-robin`)

use super::candidates::Candidates;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A rotation over a set.
#[derive(Debug)]
pub(super) struct RoundRobin {
    next: Box<Picks>,
}

/// Count of picks so far, on a cache line of its own: all workers write there, and read what is around the rotation.
#[derive(Debug)]
#[repr(align(128))]
struct Picks(AtomicUsize);

impl RoundRobin {
    pub(super) fn starting_at(next: usize) -> Self {
        Self { next: Box::new(Picks(AtomicUsize::new(next))) }
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
}
