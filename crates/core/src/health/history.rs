//! What has happened to one endpoint since it is known? For operators; no choice depends on it.
//!
//! Written only when something fails or changes, so that an endpoint that works costs nothing.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Milliseconds in the unit of [`Moment`].
const UNIT_MILLIS: u64 = 100;

/// What has happened to one endpoint. Times are milliseconds since a moment that the caller chooses, kept to a tenth of a second
/// and for at most 13 years.
#[derive(Debug, Default)]
pub(super) struct History {
    failures: AtomicU32,
    ejections: AtomicU32,
    failed: Moment,
    ejected: Moment,
    changed: Moment,
}

/// A time in tenths of a second, plus one; 0 is never.
#[derive(Debug, Default)]
struct Moment(AtomicU32);

impl Moment {
    fn set(&self, millis: u64) {
        self.0.store(u32::try_from(millis / UNIT_MILLIS + 1).unwrap_or(u32::MAX), Relaxed);
    }

    fn get(&self) -> Option<u64> {
        self.0.load(Relaxed).checked_sub(1).map(|units| u64::from(units) * UNIT_MILLIS)
    }
}

impl History {
    /// Counts a failed connect.
    pub(super) fn failed(&self, millis: u64) {
        self.failures.fetch_add(1, Relaxed);
        self.failed.set(millis);
    }

    /// Counts an ejection: the first, or that of one that is ejected and failed its probe.
    pub(super) fn ejected(&self, millis: u64) {
        self.ejections.fetch_add(1, Relaxed);
        self.ejected.set(millis);
    }

    /// Records that what may be said of the endpoint's state has changed.
    pub(super) fn changed(&self, millis: u64) {
        self.changed.set(millis);
    }

    /// Failed connects; begins anew at 2^32.
    pub(super) fn failures(&self) -> u32 {
        self.failures.load(Relaxed)
    }

    /// Ejections; begins anew at 2^32.
    pub(super) fn ejections(&self) -> u32 {
        self.ejections.load(Relaxed)
    }

    /// When a connect failed last; `None` if none has.
    pub(super) fn last_failed(&self) -> Option<u64> {
        self.failed.get()
    }

    /// When the endpoint was ejected last; `None` if it never was.
    pub(super) fn last_ejected(&self) -> Option<u64> {
        self.ejected.get()
    }

    /// When its state changed last.
    pub(super) fn last_changed(&self) -> Option<u64> {
        self.changed.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_time_of_each_is_kept_to_a_tenth_of_a_second_and_the_beginning_is_not_never() {
        let history = History::default();
        assert_eq!(
            (history.last_failed(), history.last_ejected(), history.last_changed()),
            (None, None, None)
        );
        history.failed(0);
        assert_eq!((history.failures(), history.last_failed()), (1, Some(0)));
        history.failed(1_299);
        history.ejected(1_299);
        assert_eq!((history.failures(), history.last_failed()), (2, Some(1_200)));
        assert_eq!((history.ejections(), history.last_ejected()), (1, Some(1_200)));
        history.changed(u64::MAX);
        assert_eq!(history.last_changed(), Some((u64::from(u32::MAX) - 1) * UNIT_MILLIS));
    }
}
