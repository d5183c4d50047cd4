//! How are times and durations written?

use serde::{Serialize, Serializer};
use std::time::{Duration, Instant, SystemTime};

/// One moment, as a reading of both clocks: other moments are told by how far they are from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) instant: Instant,
    system: SystemTime,
}

/// A time in RFC 3339, with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) SystemTime);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Times beyond the year 9999 cannot be written.
        let latest = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        serializer.collect_str(&humantime::format_rfc3339_millis(self.0.min(latest)))
    }
}

impl Clock {
    pub(crate) fn now() -> Self {
        Self { instant: Instant::now(), system: SystemTime::now() }
    }

    /// This moment.
    pub(crate) fn time(&self) -> Time {
        Time(self.system)
    }

    /// Another moment.
    pub(crate) fn at(&self, instant: Instant) -> Time {
        let told = match instant.checked_duration_since(self.instant) {
            Some(later) => self.system.checked_add(later),
            None => self.system.checked_sub(self.instant.duration_since(instant)),
        };
        Time(told.unwrap_or(self.system))
    }

    /// Seconds since another moment.
    pub(crate) fn since(&self, instant: Instant) -> f64 {
        seconds(self.instant.saturating_duration_since(instant))
    }
}

/// A duration in seconds, to a microsecond.
pub(crate) fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_before_and_after_are_told_by_their_distance() {
        let (system, instant) = (SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000), Instant::now());
        let clock = Clock { instant, system };
        let text = |time: Time| serde_json::to_string(&time).unwrap();
        assert_eq!(text(clock.time()), r#""1970-01-12T13:46:40.000Z""#);
        assert_eq!(text(clock.at(instant + Duration::from_millis(1500))), r#""1970-01-12T13:46:41.500Z""#);
        assert_eq!(text(clock.at(instant - Duration::from_secs(1))), r#""1970-01-12T13:46:39.000Z""#);
        assert!((clock.since(instant - Duration::from_millis(250)) - 0.25).abs() < f64::EPSILON);
    }
}
