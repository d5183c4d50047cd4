//! When is an endpoint ejected because connections to it keep failing, and when is it tried again? (Envoy: outlier
//! detection)
//!
//! Three failed connects in a row eject an endpoint for a second, and so do connections that it ended at once while its
//! siblings serve ([`super::end_record`]). Then one connection probes the endpoint: a success re-admits it, a failure ejects it
//! for twice as long, up to a minute. A re-admitted endpoint has to work for as long as it was ejected, or else the next
//! ejection goes on doubling.

use crate::limits::Backoff;
use std::time::Duration;

/// Failed connects in a row that eject an endpoint (Envoy: `consecutive_local_origin_failure`).
pub const MIN_FAILURES_TO_EJECT: u8 = 3;

/// Length of an ejection: doubled each time the endpoint fails again without having worked for long enough in between.
const EJECTIONS: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// Time after which another connection may probe: the client of the one that began to left without a result.
const MAX_PROBE_TIME: Duration = Duration::from_secs(10);

/// What connects have shown of one endpoint lately. Small enough for an atomic word; `now` and `until` are milliseconds
/// since a moment that the caller chooses, at most 2^44 (five centuries).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutlierRecord {
    /// Failed connects in a row.
    failures: u8,
    /// Ejections without enough time of success in between; the length of an ejection follows.
    level: u8,
    state: State,
    cause: Cause,
    /// Milliseconds until which the state lasts.
    until: u64,
}

/// Whether an endpoint is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Gets flows. A next ejection before `until` is a longer one.
    #[default]
    InUse,
    /// Gets no flows; a probe is due at `until`.
    Ejected,
    /// Gets no flows but for one connection that probes; another probe is due at `until`.
    Probed,
}

/// Why an endpoint was last ejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// Connects to it failed.
    #[default]
    FailedConnects,
    /// It accepted connections and ended them at once, which its siblings do not.
    EndsAtOnce,
}

impl OutlierRecord {
    /// The record after a failed connect.
    #[must_use]
    pub fn failed(self, now: u64) -> Self {
        match self.state {
            State::InUse => {
                let failures = self.failures.saturating_add(1);
                if failures < MIN_FAILURES_TO_EJECT {
                    return Self { failures, ..self };
                }
                self.eject(now, Cause::FailedConnects)
            }
            State::Probed => self.eject(now, Cause::FailedConnects),
            // The connect was begun before the ejection.
            State::Ejected => self,
        }
    }

    /// The record after a connection that the endpoint ended at once; `outlier` says whether its siblings serve.
    #[must_use]
    pub fn ended_at_once(self, now: u64, outlier: bool) -> Self {
        match self.state {
            State::InUse | State::Probed if outlier => self.eject(now, Cause::EndsAtOnce),
            // It accepts, and does as its siblings do.
            State::Probed => self.succeeded(now),
            State::InUse => Self { failures: 0, ..self },
            State::Ejected => self,
        }
    }

    /// The record after a connection that the client ended before the endpoint had shown anything but that it accepts.
    #[must_use]
    pub fn abandoned(self, now: u64) -> Self {
        match (self.state, self.cause) {
            // Another connection probes at once.
            (State::Probed, Cause::EndsAtOnce) => Self { until: now, ..self },
            (State::Ejected, _) => self,
            (State::InUse, _) | (State::Probed, Cause::FailedConnects) => self.succeeded(now),
        }
    }

    fn eject(self, now: u64, cause: Cause) -> Self {
        let soon = self.state == State::Probed || now < self.until;
        let level = if soon { self.level.saturating_add(1) } else { 1 };
        Self { failures: 0, level, state: State::Ejected, cause, until: now + length(level) }
    }

    /// The record after the endpoint has sent a byte, or a connection has lasted.
    #[must_use]
    pub fn succeeded(self, now: u64) -> Self {
        match self.state {
            State::InUse => Self { failures: 0, ..self },
            State::Ejected | State::Probed => {
                Self { failures: 0, state: State::InUse, until: now + length(self.level), ..self }
            }
        }
    }

    /// The record after one connection took the probe; `None` while no probe is due.
    #[must_use]
    pub fn probe(self, now: u64) -> Option<Self> {
        let due = self.is_ejected() && now >= self.until;
        due.then(|| Self { state: State::Probed, until: now + millis(MAX_PROBE_TIME), ..self })
    }

    /// Whether the endpoint gets no flows.
    pub fn is_ejected(self) -> bool {
        self.state != State::InUse
    }

    /// Failed connects since the last success.
    pub(super) fn failures(self) -> u8 {
        self.failures
    }

    /// Why the endpoint was last ejected.
    pub fn cause(self) -> Cause {
        self.cause
    }

    /// Whether a success would change nothing.
    pub fn is_clean(self) -> bool {
        self.state == State::InUse && self.failures == 0
    }

    /// Milliseconds at which the next probe is due; `None` while the endpoint is in use.
    pub fn probe_due(self) -> Option<u64> {
        self.is_ejected().then_some(self.until)
    }
}

fn millis(time: Duration) -> u64 {
    time.as_millis() as u64
}

/// Length of an ejection in milliseconds.
fn length(level: u8) -> u64 {
    millis(EJECTIONS.wait(u32::from(level.saturating_sub(1))))
}

/// Packs a record into one word: 44 bits of time, then cause and state, level and failures.
impl From<OutlierRecord> for u64 {
    fn from(record: OutlierRecord) -> Self {
        let state = (record.cause as u64) << 2 | record.state as u64;
        record.until << 20 | state << 16 | u64::from(record.level) << 8 | u64::from(record.failures)
    }
}

impl From<u64> for OutlierRecord {
    fn from(word: u64) -> Self {
        let state = match word >> 16 & 0b11 {
            1 => State::Ejected,
            2 => State::Probed,
            _ => State::InUse,
        };
        let cause = if word >> 18 & 1 == 1 { Cause::EndsAtOnce } else { Cause::FailedConnects };
        Self { failures: word as u8, level: (word >> 8) as u8, state, cause, until: word >> 20 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn failed(record: OutlierRecord, times: u8, now: u64) -> OutlierRecord {
        (0..times).fold(record, |record, _| record.failed(now))
    }

    #[test]
    fn failures_in_a_row_eject_and_a_success_in_between_starts_over() {
        let twice = failed(OutlierRecord::default(), 2, 0);
        assert!(!twice.is_ejected());
        assert!(!twice.succeeded(0).failed(0).failed(0).is_ejected());
        assert_eq!(twice.failed(0).probe_due(), Some(1000));
    }

    #[test]
    fn one_connection_probes_when_the_time_has_come_and_a_success_re_admits() {
        let ejected = failed(OutlierRecord::default(), 3, 0);
        assert_eq!(ejected.probe(999), None);
        let probed = ejected.probe(1000).unwrap();
        assert_eq!(probed.probe(1001), None);
        assert!(probed.is_ejected());
        assert!(!probed.succeeded(1005).is_ejected());
    }

    #[test]
    fn a_probe_that_nobody_ends_is_followed_by_another() {
        let probed = failed(OutlierRecord::default(), 3, 0).probe(1000).unwrap();
        assert_eq!(probed.probe(10_999), None);
        assert!(probed.probe(11_000).is_some());
    }

    #[test]
    fn each_failed_probe_doubles_the_ejection_up_to_a_minute() {
        let mut record = failed(OutlierRecord::default(), 3, 0);
        let mut now = 0;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(record.probe_due(), Some(now + seconds * 1000));
            now += seconds * 1000;
            record = record.probe(now).unwrap().failed(now);
        }
    }

    #[test]
    fn one_that_fails_again_soon_after_it_was_re_admitted_is_ejected_for_longer() {
        let back = failed(OutlierRecord::default(), 3, 0).probe(1000).unwrap().succeeded(1000);
        assert_eq!(failed(back, 3, 1999).probe_due(), Some(1999 + 2000));
        assert_eq!(failed(back, 3, 2000).probe_due(), Some(2000 + 1000));
    }

    #[test]
    fn an_outlier_that_ends_at_once_is_ejected_for_longer_each_time_until_its_siblings_do_so_too() {
        let mut record = OutlierRecord::default().ended_at_once(0, false).ended_at_once(0, true);
        assert_eq!((record.probe_due(), record.cause()), (Some(1000), Cause::EndsAtOnce));
        record = record.probe(1000).unwrap().ended_at_once(1001, true);
        assert_eq!(record.probe_due(), Some(3001));
        assert!(!record.probe(3001).unwrap().ended_at_once(3002, false).is_ejected());
    }

    #[test]
    fn a_client_that_leaves_a_probe_decides_nothing_about_one_that_ends_at_once() {
        let probed = OutlierRecord::default().ended_at_once(0, true).probe(1000).unwrap();
        let left = probed.abandoned(1005);
        assert!(left.is_ejected() && left.probe(1005).is_some());
        let refused = failed(OutlierRecord::default(), 3, 0).probe(1000).unwrap();
        assert!(!refused.abandoned(1005).is_ejected(), "it accepts again");
    }

    proptest! {
        #[test]
        fn whatever_happens_it_fits_a_word_and_comes_back_within_a_minute(steps in prop::collection::vec((0u8..6, 0u64..90_000), 0..60)) {
            let (mut record, mut now) = (OutlierRecord::default(), 0);
            for (step, after) in steps {
                now += after;
                record = match step {
                    0 => record.failed(now),
                    1 => record.succeeded(now),
                    2 => record.abandoned(now),
                    3 | 4 => record.ended_at_once(now, step == 3),
                    _ => record.probe(now).unwrap_or(record),
                };
                prop_assert_eq!(OutlierRecord::from(u64::from(record)), record);
                prop_assert!(record.probe_due().is_none_or(|due| due <= now + 60_000));
            }
        }
    }
}
