//! How many descriptors may the data plane have open, and who holds them? One budget for all workers.
//!
//! The rest of the process's limit keeps health, metrics and the control plane at work while the data plane is full.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Bounds of the reserve for HTTP, watches and files: an eighth of the process's limit, within this range, is never the
/// data plane's.
const RESERVED_DESCRIPTORS: std::ops::RangeInclusive<usize> = 16..=512;

/// Descriptors that the process has open before anything is served: standard streams, the main runtime, that of the admin side,
/// and their servers.
const PROCESS_DESCRIPTORS: usize = 12;

/// Descriptors of a worker beside connections and flows: three of its runtime, and one of a client not yet admitted.
const DESCRIPTORS_PER_WORKER: usize = 4;

/// Descriptors that the data plane may have open in a process that may have `limit`; at least 8.
pub(crate) fn share(limit: usize, workers: usize) -> usize {
    let reserve = (limit / 8).clamp(*RESERVED_DESCRIPTORS.start(), *RESERVED_DESCRIPTORS.end());
    limit.saturating_sub(reserve + PROCESS_DESCRIPTORS + DESCRIPTORS_PER_WORKER * workers).max(8)
}

/// Descriptors of a connection: one to the client and one to the endpoint.
const DESCRIPTORS_PER_CONNECTION: usize = 2;

/// One connection in [`Held`], above the descriptors. A process may have fewer than 2^31 of them
/// (`fs.nr_open`, proc_sys_fs(5)).
const ONE_CONNECTION: u64 = 1 << 32;

/// A budget of descriptors. A connection or a pipe takes two, a UDP flow or a listening socket one.
#[derive(Debug)]
pub struct DescriptorBudget {
    held: Arc<Held>,
    limit: usize,
}

/// Held descriptors (lower 32 bits) and connections (upper 32 bits) in one number: a newcomer is judged by both at once,
/// and takes nothing from another one, not even for a moment, if refused. On a cache line of its own, as all workers write
/// there.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Held(AtomicU64);

impl DescriptorBudget {
    /// Creates a budget of `limit` descriptors.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { held: Arc::default(), limit })
    }

    /// The same budget with a reference count of its own, which each permit of a worker moves.
    pub(crate) fn for_worker(&self) -> Arc<Self> {
        Arc::new(Self { held: Arc::clone(&self.held), limit: self.limit })
    }

    /// Descriptors in the budget.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Descriptors that are held.
    pub(crate) fn used(&self) -> usize {
        used(self.held.0.load(Relaxed))
    }

    /// Connections that hold descriptors.
    #[cfg(test)]
    pub(crate) fn connections(&self) -> usize {
        connections(self.held.0.load(Relaxed))
    }

    /// Descriptors that are left.
    pub(crate) fn free(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }

    /// Whether less than a quarter is left: then nothing is kept open that could be opened again.
    pub(crate) fn are_scarce(&self) -> bool {
        self.free() < self.limit / 4
    }

    /// Takes `count` descriptors, if so many are left.
    pub fn acquire(self: &Arc<Self>, count: usize) -> Option<DescriptorPermit> {
        self.acquire_below(count, self.limit)
    }

    /// Takes one descriptor shortly before another one is given back. Meanwhile the budget may be exceeded, by at most
    /// a quarter of the smallest reserve.
    pub(crate) fn acquire_early(self: &Arc<Self>) -> Option<DescriptorPermit> {
        self.acquire_below(1, self.limit + RESERVED_DESCRIPTORS.start() / 4)
    }

    /// Takes the descriptors of a connection if `admits` agrees, given the number of connections and the number of
    /// further ones for which descriptors are left. Returns whether taken; a guard must call [`Self::end_connection`].
    pub(crate) fn begin_connection(&self, admits: impl Fn(usize, usize) -> bool) -> bool {
        let more = |held| {
            let room = self.limit.saturating_sub(used(held)) / DESCRIPTORS_PER_CONNECTION;
            admits(connections(held), room)
                .then_some(held + ONE_CONNECTION + DESCRIPTORS_PER_CONNECTION as u64)
        };
        self.held.0.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Gives back the descriptors of a connection.
    pub(crate) fn end_connection(&self) {
        self.held.0.fetch_sub(ONE_CONNECTION + DESCRIPTORS_PER_CONNECTION as u64, Relaxed);
    }

    fn acquire_below(self: &Arc<Self>, count: usize, limit: usize) -> Option<DescriptorPermit> {
        let more = |held: u64| (used(held) + count <= limit).then_some(held + count as u64);
        self.held.0.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(DescriptorPermit { descriptors: Arc::clone(self), count })
    }
}

/// Descriptors in [`Held`].
fn used(held: u64) -> usize {
    (held % ONE_CONNECTION) as usize
}

/// Connections in [`Held`].
fn connections(held: u64) -> usize {
    (held / ONE_CONNECTION) as usize
}

/// Descriptors taken from a budget, given back on drop.
#[derive(Debug)]
pub struct DescriptorPermit {
    descriptors: Arc<DescriptorBudget>,
    count: usize,
}

impl Drop for DescriptorPermit {
    fn drop(&mut self) {
        self.descriptors.held.0.fetch_sub(self.count as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_an_eighth_within_bounds_and_grows_with_the_workers() {
        assert_eq!(share(64, 2), 64 - 16 - 20);
        assert_eq!(share(1024, 2), 1024 - 128 - 20);
        assert_eq!(share(1 << 20, 64), (1 << 20) - 512 - 268);
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
