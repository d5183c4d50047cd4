//! When did the changes of endpoints happen that a Snapshot brings? Pure (semantics B4).
//!
//! Two clocks tell: EndpointSlices carry a time of day, written on another host, and what passes here is measured by the
//! steady clock. The time of day is read once, when a change is received; a clock that jumps afterwards does no harm.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;
use weir_core::{Family, ServiceKey};

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Never jumps.
    pub steady: Instant,
    /// The time of day.
    pub wall: SystemTime,
}

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }
}

/// A change of endpoints on its way to the data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointChange {
    /// The family of the endpoints.
    pub family: Family,
    received: Instant,
    /// How old it was then, if its slice says so.
    age: Option<Duration>,
}

impl EndpointChange {
    /// How long ago weir heard of it.
    pub fn since_received(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.received)
    }

    /// How long ago its cause was, such as a Pod that became ready; `None` when that is not known or was before this
    /// process started.
    pub fn since_triggered(&self, now: Instant) -> Option<Duration> {
        self.age.map(|age| age + self.since_received(now))
    }
}

/// The changes of endpoints that a Snapshot was the first to bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedChanges {
    /// The generation of the Snapshot.
    pub generation: u64,
    /// At most 1024.
    pub changes: Vec<EndpointChange>,
}

/// Why the age of a change is not what its slice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// It is to happen only later: the clocks of two hosts differ, or one has jumped. It counts as new.
    ClockDiffers,
    /// So many changes wait that this one is not measured.
    TooMany,
}

/// The changes since the last commit, by the Service that they concern.
#[derive(Debug)]
pub(crate) struct PendingChanges {
    started: Instant,
    changes: HashMap<ServiceKey, Vec<EndpointChange>>,
    held: usize,
}

impl PendingChanges {
    /// How many changes are held.
    const MAX_CHANGES: usize = 1024;

    /// Of a process that starts now.
    pub(crate) fn new(started: Instant) -> Self {
        Self { started, changes: HashMap::new(), held: 0 }
    }

    /// Notes that a slice of a Service came, and when its cause was.
    pub(crate) fn record(
        &mut self,
        service: &ServiceKey,
        family: Family,
        triggered: Option<SystemTime>,
        received: Moment,
    ) -> Result<(), Unclear> {
        if self.held >= Self::MAX_CHANGES {
            return Err(Unclear::TooMany);
        }
        let age = triggered.map(|triggered| received.wall.duration_since(triggered));
        let known = match age {
            Some(Err(_)) => Some(Duration::ZERO),
            Some(Ok(age)) => Some(age).filter(|&age| age <= received.steady.duration_since(self.started)),
            None => None,
        };
        let change = EndpointChange { family, received: received.steady, age: known };
        self.changes.entry(service.clone()).or_default().push(change);
        self.held += 1;
        if matches!(age, Some(Err(_))) { Err(Unclear::ClockDiffers) } else { Ok(()) }
    }

    /// Takes what is noted of Services whose served form differs, and forgets the rest: it has changed nothing.
    pub(crate) fn take(&mut self, differing: &[ServiceKey]) -> Vec<EndpointChange> {
        self.held = 0;
        let mut changes = std::mem::take(&mut self.changes);
        differing.iter().filter_map(|service| changes.remove(service)).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn web() -> ServiceKey {
        ServiceKey::new("default", "web")
    }

    /// A process that has run for an hour, and the present.
    fn running() -> (PendingChanges, Moment) {
        let started = Moment::now();
        let now = Moment { steady: started.steady + 3600 * SECOND, wall: started.wall + 3600 * SECOND };
        (PendingChanges::new(started.steady), now)
    }

    fn noted(triggered: impl FnOnce(Moment) -> SystemTime) -> (Result<(), Unclear>, Option<Duration>) {
        let (mut pending, now) = running();
        let outcome = pending.record(&web(), Family::V4, Some(triggered(now)), now);
        let changes = pending.take(&[web()]);
        assert_eq!(changes[0].since_received(now.steady + SECOND), SECOND);
        (outcome, changes[0].since_triggered(now.steady + SECOND))
    }

    #[test]
    fn a_change_is_as_old_as_its_slice_says_and_what_passes_since() {
        assert_eq!(noted(|now| now.wall - 2 * SECOND), (Ok(()), Some(3 * SECOND)));
    }

    #[test]
    fn what_happened_before_this_process_started_is_not_measured_from_its_cause() {
        assert_eq!(noted(|now| now.wall - 3599 * SECOND), (Ok(()), Some(3600 * SECOND)));
        assert_eq!(noted(|now| now.wall - 3601 * SECOND), (Ok(()), None));
    }

    #[test]
    fn a_cause_in_the_future_counts_as_now_and_is_told() {
        let unclear = (Err(Unclear::ClockDiffers), Some(SECOND));
        assert_eq!(noted(|now| now.wall + SECOND), unclear);
        assert_eq!(noted(|now| now.wall + 1_000_000 * SECOND), unclear, "our clock has gone back");
    }

    #[test]
    fn a_clock_that_jumps_ahead_gives_no_absurd_times() {
        assert_eq!(noted(|now| now.wall - 1_000_000 * SECOND), (Ok(()), None));
        assert_eq!(noted(|_| SystemTime::UNIX_EPOCH), (Ok(()), None));
    }

    #[test]
    fn a_time_in_the_past_of_the_steady_clock_is_none() {
        let (mut pending, now) = running();
        pending.record(&web(), Family::V6, Some(now.wall), now).unwrap();
        let changes = pending.take(&[web()]);
        assert_eq!(changes[0].since_received(now.steady - SECOND), Duration::ZERO);
    }

    #[test]
    fn only_changes_of_services_that_differ_are_measured_and_none_twice() {
        let (mut pending, now) = running();
        let dns = ServiceKey::new("kube-system", "dns");
        pending.record(&web(), Family::V4, None, now).unwrap();
        pending.record(&web(), Family::V6, None, now).unwrap();
        pending.record(&dns, Family::V4, None, now).unwrap();
        let families: Vec<_> = pending.take(&[web()]).iter().map(|change| change.family).collect();
        assert_eq!(families, [Family::V4, Family::V6]);
        assert!(pending.take(&[web(), dns]).is_empty());
    }

    #[test]
    fn the_memory_is_bounded_until_the_next_commit() {
        let (mut pending, now) = running();
        for _ in 0..PendingChanges::MAX_CHANGES {
            pending.record(&web(), Family::V4, None, now).unwrap();
        }
        assert_eq!(pending.record(&web(), Family::V4, None, now), Err(Unclear::TooMany));
        assert_eq!(pending.take(&[web()]).len(), PendingChanges::MAX_CHANGES);
        pending.record(&web(), Family::V4, None, now).unwrap();
    }
}
