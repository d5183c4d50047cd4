//! When did the changes of endpoints happen that a Snapshot brings? Pure (semantics B4).
//!
//! Two clocks are involved: EndpointSlices carry a time of day, written on another host, and durations in this
//! process follow the monotonic clock. The time of day is read once, when a change is received; a clock that jumps
//! afterwards does no harm.

use super::clock_reading::ClockReading;
use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;
use weir_core::{Family, ServiceKey};

/// Change of endpoints on its way to the data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointChange {
    /// Family of the endpoints.
    pub family: Family,
    received: Instant,
    /// Age of the change when it was received; `None` if unknown.
    age: Option<Duration>,
}

impl EndpointChange {
    /// Duration since weir received the change.
    pub fn since_received(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.received)
    }

    /// Duration since the cause of the change, such as a Pod that became ready; `None` when the cause is
    /// unknown or happened before this process started.
    pub fn since_triggered(&self, now: Instant) -> Option<Duration> {
        self.age.map(|age| age + self.since_received(now))
    }
}

/// Changes of endpoints that one Snapshot was the first to bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedChanges {
    /// Generation of the Snapshot.
    pub generation: u64,
    /// The changes, at most 1024.
    pub changes: Vec<EndpointChange>,
}

/// Reason why the age of a change is not what its slice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// The cause lies in the future: the clocks of two hosts differ, or one has jumped. The change counts as
    /// new.
    ClockDiffers,
    /// Too many changes wait for a commit, so that this one is not measured.
    TooMany,
}

/// Changes since the last commit, by Service.
#[derive(Debug)]
pub(crate) struct PendingChanges {
    started: Instant,
    changes: HashMap<ServiceKey, Vec<EndpointChange>>,
    held: usize,
}

impl PendingChanges {
    /// Largest number of changes that are held.
    const MAX_CHANGES: usize = 1024;

    /// No changes, in a process that started at `started`.
    pub(crate) fn new(started: Instant) -> Self {
        Self { started, changes: HashMap::new(), held: 0 }
    }

    /// Records a change of a slice of `service`: when its cause was, and when it was received.
    pub(crate) fn record(
        &mut self,
        service: &ServiceKey,
        family: Family,
        triggered: Option<SystemTime>,
        received: ClockReading,
    ) -> Result<(), Unclear> {
        if self.held >= Self::MAX_CHANGES {
            return Err(Unclear::TooMany);
        }
        let age = triggered.map(|triggered| received.wall.duration_since(triggered));
        let known = match age {
            Some(Err(_)) => Some(Duration::ZERO),
            Some(Ok(age)) => Some(age).filter(|&age| age <= received.monotonic.duration_since(self.started)),
            None => None,
        };
        let change = EndpointChange { family, received: received.monotonic, age: known };
        self.changes.entry(service.clone()).or_default().push(change);
        self.held += 1;
        if matches!(age, Some(Err(_))) { Err(Unclear::ClockDiffers) } else { Ok(()) }
    }

    /// Takes the changes of the Services in `differing`; the others changed nothing in the Snapshot and are
    /// forgotten.
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

    /// No changes in a process that has run for an hour, and the current moment.
    fn running() -> (PendingChanges, ClockReading) {
        let started = ClockReading::now();
        let now = started + 3600 * SECOND;
        (PendingChanges::new(started.monotonic), now)
    }

    fn recorded(
        triggered: impl FnOnce(ClockReading) -> SystemTime,
    ) -> (Result<(), Unclear>, Option<Duration>) {
        let (mut pending, now) = running();
        let outcome = pending.record(&web(), Family::V4, Some(triggered(now)), now);
        let changes = pending.take(&[web()]);
        assert_eq!(changes[0].since_received(now.monotonic + SECOND), SECOND);
        (outcome, changes[0].since_triggered(now.monotonic + SECOND))
    }

    #[test]
    fn a_change_is_as_old_as_its_slice_says_and_what_passes_since() {
        assert_eq!(recorded(|now| now.wall - 2 * SECOND), (Ok(()), Some(3 * SECOND)));
    }

    #[test]
    fn what_happened_before_this_process_started_is_not_measured_from_its_cause() {
        assert_eq!(recorded(|now| now.wall - 3599 * SECOND), (Ok(()), Some(3600 * SECOND)));
        assert_eq!(recorded(|now| now.wall - 3601 * SECOND), (Ok(()), None));
    }

    #[test]
    fn a_cause_in_the_future_counts_as_now_and_is_reported() {
        let unclear = (Err(Unclear::ClockDiffers), Some(SECOND));
        assert_eq!(recorded(|now| now.wall + SECOND), unclear);
        assert_eq!(recorded(|now| now.wall + 1_000_000 * SECOND), unclear, "our clock has gone back");
    }

    #[test]
    fn a_clock_that_jumps_ahead_gives_no_absurd_times() {
        assert_eq!(recorded(|now| now.wall - 1_000_000 * SECOND), (Ok(()), None));
        assert_eq!(recorded(|_| SystemTime::UNIX_EPOCH), (Ok(()), None));
    }

    #[test]
    fn a_time_in_the_past_of_the_steady_clock_is_none() {
        let (mut pending, now) = running();
        pending.record(&web(), Family::V6, Some(now.wall), now).unwrap();
        let changes = pending.take(&[web()]);
        assert_eq!(changes[0].since_received(now.monotonic - SECOND), Duration::ZERO);
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
    fn the_changes_are_bounded_until_the_next_commit() {
        let (mut pending, now) = running();
        for _ in 0..PendingChanges::MAX_CHANGES {
            pending.record(&web(), Family::V4, None, now).unwrap();
        }
        assert_eq!(pending.record(&web(), Family::V4, None, now), Err(Unclear::TooMany));
        assert_eq!(pending.take(&[web()]).len(), PendingChanges::MAX_CHANGES);
        pending.record(&web(), Family::V4, None, now).unwrap();
    }
}
