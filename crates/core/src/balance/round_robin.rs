//! Which candidate comes next, one after another, whichever worker asks? (policy `round-robin`)

use super::candidates::Candidates;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A rotation over a set.
#[derive(Debug)]
pub(super) struct RoundRobin {
    /// Count of picks so far.
    next: AtomicUsize,
}

impl RoundRobin {
    pub(super) fn starting_at(next: usize) -> Self {
        Self { next: AtomicUsize::new(next) }
    }

    pub(super) fn next(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    pub(super) fn pick(&self, candidates: &Candidates<'_>) -> Option<usize> {
        if candidates.targets.is_empty() {
            return None;
        }
        let count = candidates.targets.len();
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        (0..count).map(|step| (next % count + step) % count).find(|&index| candidates.is_allowed(index))
    }
}
