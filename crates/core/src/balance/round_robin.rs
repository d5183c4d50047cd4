//! Round robin: one endpoint after another, shared by all workers.

use super::candidates::Candidates;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(super) struct RoundRobin {
    turn: AtomicUsize,
}

impl RoundRobin {
    pub(super) fn starting_at(turn: usize) -> Self {
        Self { turn: AtomicUsize::new(turn) }
    }

    pub(super) fn turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }

    pub(super) fn pick(&self, candidates: &Candidates<'_>) -> Option<usize> {
        if candidates.targets.is_empty() {
            return None;
        }
        let count = candidates.targets.len();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        (0..count).map(|step| (turn % count + step) % count).find(|&index| candidates.is_allowed(index))
    }
}
