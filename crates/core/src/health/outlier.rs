//! When is an endpoint left alone because connects to it keep failing, and when is it tried again?
//!
//! Three failed connects in a row eject an endpoint for a second. Then one connection probes it: a success re-admits it, a
//! failure ejects it for twice as long, up to a minute. One that was re-admitted has to behave for as long as it was
//! ejected, or else the next ejection goes on doubling.

use crate::limits::Backoff;
use std::time::Duration;

/// Failed connects in a row that eject an endpoint.
pub const FAILURES: u8 = 3;

/// How long an endpoint is ejected: longer each time it fails again without behaving in between.
const EJECTIONS: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// After so long another connection may probe: whoever began to has left without a result.
const PROBE_TIME: Duration = Duration::from_secs(10);

/// What connects have shown of one endpoint lately. Small enough for an atomic word; times are milliseconds since a
/// moment that the caller chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Failures in a row.
    failures: u8,
    /// How often it was ejected without behaving in between; the length of an ejection follows.
    level: u8,
    state: State,
    /// Until when the state lasts.
    until: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In use. Until `until` the next ejection is a longer one.
    #[default]
    Fit,
    /// Left alone.
    Ejected,
    /// Left alone but for one connection.
    Probed,
}

impl Record {
    /// A connect failed.
    #[must_use]
    pub fn failed(self, now: u64) -> Self {
        match self.state {
            State::Fit => {
                let failures = self.failures.saturating_add(1);
                if failures < FAILURES {
                    return Self { failures, ..self };
                }
                let level = if now < self.until { self.level } else { 0 };
                Self { level, ..self }.eject(now)
            }
            State::Probed => self.eject(now),
            // It was begun before the ejection.
            State::Ejected => self,
        }
    }

    fn eject(self, now: u64) -> Self {
        let level = self.level.saturating_add(1);
        Self { failures: 0, level, state: State::Ejected, until: now + length(level) }
    }

    /// A connect succeeded, or a datagram was answered.
    #[must_use]
    pub fn succeeded(self, now: u64) -> Self {
        match self.state {
            State::Fit => Self { failures: 0, ..self },
            State::Ejected | State::Probed => {
                Self { failures: 0, level: self.level, state: State::Fit, until: now + length(self.level) }
            }
        }
    }

    /// Takes the one connection that may probe; `None` while there must be none.
    #[must_use]
    pub fn probe(self, now: u64) -> Option<Self> {
        let due = self.is_ejected() && now >= self.until;
        due.then(|| Self { state: State::Probed, until: now + millis(PROBE_TIME), ..self })
    }

    /// Whether it is left alone.
    pub fn is_ejected(self) -> bool {
        self.state != State::Fit
    }

    /// Whether a success would tell something.
    pub fn is_clean(self) -> bool {
        self.state == State::Fit && self.failures == 0
    }

    /// When the next probe is due, in milliseconds; `None` while it is in use.
    pub fn probe_due(self) -> Option<u64> {
        self.is_ejected().then_some(self.until)
    }
}

fn millis(time: Duration) -> u64 {
    time.as_millis() as u64
}

/// How long an ejection lasts in milliseconds.
fn length(level: u8) -> u64 {
    millis(EJECTIONS.wait(u32::from(level.saturating_sub(1))))
}

/// As one word: 44 bits of time, which are five centuries, then state, level and failures.
impl From<Record> for u64 {
    fn from(record: Record) -> Self {
        let state = record.state as u64;
        record.until << 20 | state << 16 | u64::from(record.level) << 8 | u64::from(record.failures)
    }
}

impl From<u64> for Record {
    fn from(word: u64) -> Self {
        let state = match word >> 16 & 0xf {
            1 => State::Ejected,
            2 => State::Probed,
            _ => State::Fit,
        };
        Self { failures: word as u8, level: (word >> 8) as u8, state, until: word >> 20 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn failed(record: Record, times: u8, now: u64) -> Record {
        (0..times).fold(record, |record, _| record.failed(now))
    }

    #[test]
    fn failures_in_a_row_eject_and_a_success_in_between_starts_over() {
        let twice = failed(Record::default(), 2, 0);
        assert!(!twice.is_ejected());
        assert!(!twice.succeeded(0).failed(0).failed(0).is_ejected());
        assert_eq!(twice.failed(0).probe_due(), Some(1000));
    }

    #[test]
    fn one_connection_probes_when_the_time_has_come_and_a_success_re_admits() {
        let ejected = failed(Record::default(), 3, 0);
        assert_eq!(ejected.probe(999), None);
        let probed = ejected.probe(1000).unwrap();
        assert_eq!(probed.probe(1001), None);
        assert!(probed.is_ejected());
        assert!(!probed.succeeded(1005).is_ejected());
    }

    #[test]
    fn a_probe_that_nobody_ends_is_followed_by_another() {
        let probed = failed(Record::default(), 3, 0).probe(1000).unwrap();
        assert_eq!(probed.probe(10_999), None);
        assert!(probed.probe(11_000).is_some());
    }

    #[test]
    fn each_failed_probe_doubles_the_ejection_up_to_a_minute() {
        let mut record = failed(Record::default(), 3, 0);
        let mut now = 0;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(record.probe_due(), Some(now + seconds * 1000));
            now += seconds * 1000;
            record = record.probe(now).unwrap().failed(now);
        }
    }

    #[test]
    fn one_that_fails_again_soon_after_it_was_re_admitted_is_ejected_for_longer() {
        let back = failed(Record::default(), 3, 0).probe(1000).unwrap().succeeded(1000);
        assert_eq!(failed(back, 3, 1999).probe_due(), Some(1999 + 2000));
        assert_eq!(failed(back, 3, 2000).probe_due(), Some(2000 + 1000));
    }

    proptest! {
        #[test]
        fn whatever_happens_it_fits_a_word_and_comes_back_within_a_minute(steps in prop::collection::vec((0u8..3, 0u64..90_000), 0..60)) {
            let (mut record, mut now) = (Record::default(), 0);
            for (step, after) in steps {
                now += after;
                record = match step {
                    0 => record.failed(now),
                    1 => record.succeeded(now),
                    _ => record.probe(now).unwrap_or(record),
                };
                prop_assert_eq!(Record::from(u64::from(record)), record);
                prop_assert!(record.probe_due().is_none_or(|due| due <= now + 60_000));
            }
        }
    }
}
