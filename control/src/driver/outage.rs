//! Since when can the API server not be watched, and when is that logged? Durations follow the monotonic clock,
//! whatever the time of day does.

use crate::{ClockReading, Kind, WatchState};
use std::{
    fmt,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

/// Duration of an outage before it is logged: while weir or the API server starts there is one of seconds.
const GRACE: Duration = Duration::from_secs(10);

/// Interval at which an outage that goes on is logged again.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);

/// Outage of the API server, derived from the watches of the required kinds, Service and EndpointSlice.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Start of the time without an established watch, for each required kind that has none.
    since: [Option<Instant>; Kind::ALL.len()],
    /// Time of the next log line; `None` without an outage.
    due: Option<Instant>,
    logged: bool,
}

/// Transition of the API server between available and not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transition {
    /// The first required watch is no longer established.
    Began,
    /// All required watches are established again.
    Ended {
        /// Duration of the outage.
        after: Duration,
        /// Whether the outage was logged.
        logged: bool,
    },
}

impl Outage {
    /// Takes a watch's new state into account; logs the end of an outage that was logged.
    pub(super) fn observe(&mut self, kind: Kind, state: &WatchState, now: Instant) {
        if let Some(Transition::Ended { after, logged: true }) = self.transition(kind, state, now) {
            info!("the API server is back after {}", rounded(after));
        }
    }

    /// Logs that the outage goes on, and whether clients are served meanwhile.
    pub(super) fn log(&mut self, now: ClockReading, serving: bool) {
        let serving = if serving { "serving what is known" } else { "nothing is known to serve" };
        warn!("the API server has been away since {}; {serving}", TimeOfDay(self.since_wall(now)));
        self.mark_logged(now.monotonic);
    }

    /// Waits until the next [log line](Self::log) is due; for ever without an outage.
    pub(super) async fn until_due(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// Start of the outage in seconds of Unix time; 0 without an outage.
    pub(super) fn unix_time(&self, now: ClockReading) -> u64 {
        seconds(self.since_wall(now))
    }

    fn transition(&mut self, kind: Kind, state: &WatchState, now: Instant) -> Option<Transition> {
        if !matches!(kind, Kind::Service | Kind::EndpointSlice) {
            return None;
        }
        let before = self.since();
        let since = &mut self.since[kind as usize];
        match state {
            WatchState::Connected => *since = None,
            WatchState::Connecting | WatchState::Failing(_) | WatchState::Off(_) => {
                since.get_or_insert(now);
            }
        }
        match (before, self.since()) {
            (None, Some(_)) => {
                self.due = Some(now + GRACE);
                Some(Transition::Began)
            }
            (Some(since), None) => {
                self.due = None;
                let after = now.saturating_duration_since(since);
                Some(Transition::Ended { after, logged: std::mem::take(&mut self.logged) })
            }
            _ => None,
        }
    }

    /// Start of the outage; `None` while all required watches are established.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since.iter().flatten().min().copied()
    }

    /// Time of day at which the outage began, by the current clock: a clock that was corrected meanwhile is
    /// believed.
    fn since_wall(&self, now: ClockReading) -> Option<SystemTime> {
        now.wall.checked_sub(now.monotonic.saturating_duration_since(self.since()?))
    }

    fn mark_logged(&mut self, now: Instant) {
        self.logged = true;
        self.due = Some(now + REPEAT_INTERVAL);
    }
}

/// Time of day to the second, in RFC 3339.
struct TimeOfDay(Option<SystemTime>);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match seconds(self.0) {
            // humantime knows no time before 1970 or after 9999.
            seconds @ 1..253_402_300_800 => {
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
                humantime::format_rfc3339_seconds(time).fmt(f)
            }
            _ => f.write_str("an unknown time"),
        }
    }
}

/// Seconds of Unix time; 0 for `None` and for times before 1970.
fn seconds(time: Option<SystemTime>) -> u64 {
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs())
}

/// Duration in whole seconds.
fn rounded(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(duration.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failing() -> WatchState {
        WatchState::Failing("refused".into())
    }

    /// An `Outage` whose required watches are both established.
    fn established(now: Instant) -> Outage {
        let mut outage = Outage::default();
        outage.transition(Kind::Service, &WatchState::Connected, now);
        outage.transition(Kind::EndpointSlice, &WatchState::Connected, now);
        outage
    }

    #[test]
    fn it_is_away_from_the_first_watch_that_fails_until_all_that_are_required_are_back() {
        let start = Instant::now();
        let mut outage = established(start);
        assert_eq!(outage.transition(Kind::Service, &failing(), start), Some(Transition::Began));
        assert_eq!(outage.transition(Kind::EndpointSlice, &failing(), start + SECOND), None);
        assert_eq!(outage.transition(Kind::Service, &failing(), start + 2 * SECOND), None);
        assert_eq!(outage.since(), Some(start));
        assert_eq!(outage.transition(Kind::Service, &WatchState::Connected, start + 3 * SECOND), None);
        assert_eq!(outage.since(), Some(start + SECOND));
        let back = outage.transition(Kind::EndpointSlice, &WatchState::Connected, start + 4 * SECOND);
        assert_eq!(back, Some(Transition::Ended { after: 3 * SECOND, logged: false }));
        assert_eq!((outage.since(), outage.due), (None, None));
    }

    #[test]
    fn kinds_that_weir_can_do_without_do_not_count() {
        let start = Instant::now();
        let mut outage = established(start);
        for kind in [Kind::Node, Kind::ServiceCidr] {
            assert_eq!(outage.transition(kind, &failing(), start), None);
        }
        assert_eq!(outage.since(), None);
    }

    #[test]
    fn it_is_logged_after_some_seconds_then_every_minute_and_when_it_is_over() {
        let start = Instant::now();
        let mut outage = established(start);
        outage.transition(Kind::Service, &failing(), start);
        assert_eq!(outage.due, Some(start + GRACE));
        outage.mark_logged(start + GRACE);
        assert_eq!(outage.due, Some(start + GRACE + REPEAT_INTERVAL));
        let back = outage.transition(Kind::Service, &WatchState::Connected, start + 192 * SECOND);
        assert_eq!(back, Some(Transition::Ended { after: 192 * SECOND, logged: true }));
        assert_eq!(rounded(192 * SECOND + SECOND / 2).to_string(), "3m 12s");
        outage.transition(Kind::Service, &failing(), start + 200 * SECOND);
        let back = outage.transition(Kind::Service, &WatchState::Connected, start + 201 * SECOND);
        assert_eq!(back, Some(Transition::Ended { after: SECOND, logged: false }));
    }

    #[test]
    fn a_clock_that_jumps_changes_no_duration_and_never_gives_an_absurd_time() {
        let start = ClockReading::now();
        let mut outage = established(start.monotonic);
        outage.transition(Kind::Service, &failing(), start.monotonic);
        let later = start.monotonic + 60 * SECOND;
        let year = 365 * 24 * 3600 * SECOND;
        for wall in [start.wall - year, start.wall + year, SystemTime::UNIX_EPOCH] {
            let since = outage.since_wall(ClockReading { monotonic: later, wall });
            assert_eq!(since, wall.checked_sub(60 * SECOND), "by the clock of now");
        }
        let before_time = outage.since_wall(ClockReading { monotonic: later, wall: SystemTime::UNIX_EPOCH });
        assert_eq!((seconds(before_time), seconds(None)), (0, 0));
        assert_eq!(TimeOfDay(before_time).to_string(), "an unknown time");
        let known = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_467_000_500);
        assert_eq!(TimeOfDay(Some(known)).to_string(), "2026-11-23T20:50:00Z");
        let back = outage.transition(Kind::Service, &WatchState::Connected, later);
        assert_eq!(back, Some(Transition::Ended { after: 60 * SECOND, logged: false }));
    }
}
