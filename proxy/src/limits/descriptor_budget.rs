//! How many descriptors may the data plane have open, and who holds them? One budget for all workers.
//!
//! What it leaves of the process's limit keeps health, metrics and the control plane at work while the data plane is full.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Of the process's limit, an eighth within these bounds is never the data plane's: HTTP, watches and files use it.
const RESERVED_DESCRIPTORS: std::ops::RangeInclusive<usize> = 16..=512;

/// What the process has open before anything is served: standard streams, the main runtime, its servers.
const PROCESS_DESCRIPTORS: usize = 8;

/// What a worker has open beside connections and flows: three of its runtime, and a client not yet permit.
const DESCRIPTORS_PER_WORKER: usize = 4;

/// What the data plane may have open in a process that may have `limit` descriptors. Never nothing.
pub(crate) fn share(limit: usize, workers: usize) -> usize {
    let reserve = (limit / 8).clamp(*RESERVED_DESCRIPTORS.start(), *RESERVED_DESCRIPTORS.end());
    limit.saturating_sub(reserve + PROCESS_DESCRIPTORS + DESCRIPTORS_PER_WORKER * workers).max(8)
}

/// DescriptorBudget of a connection: one to the client and one to the endpoint.
const DESCRIPTORS_PER_CONNECTION: usize = 2;

/// One connection in [`DescriptorBudget::held`], above the descriptors. A process may have fewer than 2^31 of them
/// (`fs.nr_open`, proc_sys_fs(5)).
const ONE_CONNECTION: u64 = 1 << 32;

/// The budget. A connection takes two, a UDP flow and a listening socket one, a pipe two.
#[derive(Debug)]
pub struct DescriptorBudget {
    /// How many are held, and how many connections there are, in one number: a newcomer is judged by both at once, and
    /// one that is refused is at no moment missing to another one.
    held: AtomicU64,
    limit: usize,
}

impl DescriptorBudget {
    /// A budget of `limit` descriptors.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicU64::new(0), limit })
    }

    /// The size of the budget.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How many are held.
    pub(crate) fn used(&self) -> usize {
        used(self.held.load(Relaxed))
    }

    /// How many connections there are.
    #[cfg(test)]
    pub(crate) fn connections(&self) -> usize {
        connections(self.held.load(Relaxed))
    }

    /// How many are left.
    pub(crate) fn free(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }

    /// Whether less than a quarter is left: then nothing is kept open that could be opened again.
    pub(crate) fn are_scarce(&self) -> bool {
        self.free() < self.limit / 4
    }

    /// Takes `count`, if so many are left.
    pub fn acquire(self: &Arc<Self>, count: usize) -> Option<DescriptorPermit> {
        self.acquire_below(count, self.limit)
    }

    /// Takes one in place of another that is about to be given back. For that moment the budget may be exceeded, by no
    /// more than a quarter of the least reserve.
    pub(crate) fn acquire_early(self: &Arc<Self>) -> Option<DescriptorPermit> {
        self.acquire_below(1, self.limit + RESERVED_DESCRIPTORS.start() / 4)
    }

    /// Takes what a connection needs if `admits`, which is told how many connections there are and for how many more
    /// there are descriptors; returns whether it did. For a guard that gives it back.
    pub(crate) fn begin_connection(&self, admits: impl Fn(usize, usize) -> bool) -> bool {
        let more = |held| {
            let room = self.limit.saturating_sub(used(held)) / DESCRIPTORS_PER_CONNECTION;
            admits(connections(held), room)
                .then_some(held + ONE_CONNECTION + DESCRIPTORS_PER_CONNECTION as u64)
        };
        self.held.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Gives back what a connection took.
    pub(crate) fn end_connection(&self) {
        self.held.fetch_sub(ONE_CONNECTION + DESCRIPTORS_PER_CONNECTION as u64, Relaxed);
    }

    fn acquire_below(self: &Arc<Self>, count: usize, limit: usize) -> Option<DescriptorPermit> {
        let more = |held: u64| (used(held) + count <= limit).then_some(held + count as u64);
        self.held.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(DescriptorPermit { descriptors: Arc::clone(self), count })
    }
}

/// The descriptors in [`DescriptorBudget::held`].
fn used(held: u64) -> usize {
    (held % ONE_CONNECTION) as usize
}

/// The connections in [`DescriptorBudget::held`].
fn connections(held: u64) -> usize {
    (held / ONE_CONNECTION) as usize
}

/// Some of the budget, given back when this is dropped.
#[derive(Debug)]
pub struct DescriptorPermit {
    descriptors: Arc<DescriptorBudget>,
    count: usize,
}

impl Drop for DescriptorPermit {
    fn drop(&mut self) {
        self.descriptors.held.fetch_sub(self.count as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_an_eighth_within_bounds_and_grows_with_the_workers() {
        assert_eq!(share(64, 2), 64 - 16 - 16);
        assert_eq!(share(1024, 2), 1024 - 128 - 16);
        assert_eq!(share(1 << 20, 64), (1 << 20) - 512 - 264);
        assert_eq!(share(10, 2), 8);
    }

    #[test]
    fn what_is_taken_comes_back_and_there_is_never_more_than_the_budget() {
        let descriptors = DescriptorBudget::new(4);
        let held = descriptors.acquire(3).unwrap();
        assert!(descriptors.acquire(2).is_none());
        assert!(descriptors.are_scarce() == (descriptors.free() < 1));
        let last = descriptors.acquire(1).unwrap();
        assert!(descriptors.acquire(1).is_none() && descriptors.are_scarce());
        let early: Vec<_> = std::iter::from_fn(|| descriptors.acquire_early()).collect();
        assert_eq!((early.len(), descriptors.free()), (4, 0));
        drop((held, last, early));
        assert_eq!((descriptors.used(), descriptors.free()), (0, 4));
    }
}
