//! How many connections does an endpoint have, had at most, and was it picked for?

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// One pick in the word of a [`Usage`], above the live connections.
const ONE_PICK: u64 = 1 << 32;

/// Connections and flows of one endpoint. Live ones are the lower 32 bits of one word and those ever begun the upper, so that
/// counting both costs one addition.
#[derive(Debug, Default)]
pub(super) struct Usage {
    word: AtomicU64,
    most: AtomicU32,
}

impl Usage {
    /// Counts one more.
    pub(super) fn begin(&self) {
        self.note(self.word.fetch_add(ONE_PICK + 1, Relaxed));
    }

    /// Counts one more, unless there are `most` already; returns whether it was counted.
    pub(super) fn begin_within(&self, most: usize) -> bool {
        let more = |word| (live(word) < most).then_some(word + ONE_PICK + 1);
        let taken = self.word.try_update(Relaxed, Relaxed, more);
        taken.map(|before| self.note(before)).is_ok()
    }

    /// Counts one less.
    pub(super) fn end(&self) {
        self.word.fetch_sub(1, Relaxed);
    }

    /// Those that are open.
    pub(super) fn live(&self) -> usize {
        live(self.word.load(Relaxed))
    }

    /// Those ever begun; begins anew at 2^32.
    pub(super) fn begun(&self) -> u32 {
        (self.word.load(Relaxed) >> 32) as u32
    }

    /// The most that were open at once.
    pub(super) fn most(&self) -> u32 {
        self.most.load(Relaxed)
    }

    /// Looks whether there are more than ever; written only then.
    fn note(&self, before: u64) {
        let now = (before as u32).saturating_add(1);
        if now > self.most.load(Relaxed) {
            self.most.fetch_max(now, Relaxed);
        }
    }
}

fn live(word: u64) -> usize {
    (word as u32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_stays_counted_as_begun_and_in_the_most() {
        let usage = Usage::default();
        usage.begin();
        assert!(usage.begin_within(2) && !usage.begin_within(2));
        usage.end();
        usage.end();
        usage.begin();
        assert_eq!((usage.live(), usage.begun(), usage.most()), (1, 3, 2));
    }

    #[test]
    fn the_count_of_those_begun_wraps_and_disturbs_nothing() {
        let usage = Usage { word: AtomicU64::new(u64::from(u32::MAX) << 32), most: AtomicU32::default() };
        usage.begin();
        assert_eq!((usage.live(), usage.begun()), (1, 0));
    }
}
