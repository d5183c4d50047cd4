//! Since when is the API server away, and when is that worth a line? Durations follow the steady clock, whatever the time
//! of day does.

use crate::{Kind, Moment, WatchState};
use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

/// How long it may be away before that is said; at a start and when it restarts it is away for seconds.
const GRACE: Duration = Duration::from_secs(10);

/// How often it is said again.
const EVERY: Duration = Duration::from_secs(60);

/// Follows the watches of the kinds without which nothing can be served.
#[derive(Debug, Default)]
pub(super) struct Away {
    /// Since when each is not established.
    since: BTreeMap<Kind, Instant>,
    /// When the next line is due.
    due: Option<Instant>,
    told: bool,
}

/// What a watch's state means for the API server as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It is away from now on.
    Gone,
    /// It is back.
    Back {
        /// After how long.
        after: Duration,
        /// Whether it was said that it is away.
        said: bool,
    },
}

impl Away {
    /// Takes in the state of a watch. Tells when the API server is back, if it was told that it was away.
    pub(super) fn hear(&mut self, kind: Kind, state: &WatchState, now: Instant) {
        if let Some(Turn::Back { after, said: true }) = self.note(kind, state, now) {
            info!("the API server is back after {}", rounded(after));
        }
    }

    /// Tells that it is away, and whether anything is served.
    pub(super) fn say(&mut self, now: Moment, serving: bool) {
        let serving = if serving { "serving what is known" } else { "nothing is known to serve" };
        warn!("the API server has been away since {}; {serving}", TimeOfDay(self.since_wall(now)));
        self.said(now.steady);
    }

    /// Returns when there is something to [say](Self::say).
    pub(super) async fn until_due(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// Unix time in seconds since when it is away; 0 while it is not.
    pub(super) fn unix_time(&self, now: Moment) -> u64 {
        seconds(self.since_wall(now))
    }

    fn note(&mut self, kind: Kind, state: &WatchState, now: Instant) -> Option<Turn> {
        if !matches!(kind, Kind::Service | Kind::EndpointSlice) {
            return None;
        }
        let before = self.since();
        match state {
            WatchState::Connected => drop(self.since.remove(&kind)),
            WatchState::Connecting | WatchState::Failing(_) | WatchState::Off(_) => {
                self.since.entry(kind).or_insert(now);
            }
        }
        match (before, self.since()) {
            (None, Some(_)) => {
                self.due = Some(now + GRACE);
                Some(Turn::Gone)
            }
            (Some(since), None) => {
                self.due = None;
                let after = now.saturating_duration_since(since);
                Some(Turn::Back { after, said: std::mem::take(&mut self.told) })
            }
            _ => None,
        }
    }

    /// Since when some required watch is not established.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since.values().min().copied()
    }

    /// The time of day when that began, by the clock as it is now: one that was set right since then is believed.
    fn since_wall(&self, now: Moment) -> Option<SystemTime> {
        now.wall.checked_sub(now.steady.saturating_duration_since(self.since()?))
    }

    fn said(&mut self, now: Instant) {
        self.told = true;
        self.due = Some(now + EVERY);
    }
}

/// A time of day to the second.
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

/// Unix time; 0 for none, and for times before it began.
fn seconds(time: Option<SystemTime>) -> u64 {
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs())
}

/// A duration in whole seconds.
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

    /// Both watches are established.
    fn established(now: Instant) -> Away {
        let mut away = Away::default();
        away.note(Kind::Service, &WatchState::Connected, now);
        away.note(Kind::EndpointSlice, &WatchState::Connected, now);
        away
    }

    #[test]
    fn it_is_away_from_the_first_watch_that_fails_until_all_that_are_required_are_back() {
        let start = Instant::now();
        let mut away = established(start);
        assert_eq!(away.note(Kind::Service, &failing(), start), Some(Turn::Gone));
        assert_eq!(away.note(Kind::EndpointSlice, &failing(), start + SECOND), None);
        assert_eq!(away.note(Kind::Service, &failing(), start + 2 * SECOND), None);
        assert_eq!(away.since(), Some(start));
        assert_eq!(away.note(Kind::Service, &WatchState::Connected, start + 3 * SECOND), None);
        assert_eq!(away.since(), Some(start + SECOND));
        let back = away.note(Kind::EndpointSlice, &WatchState::Connected, start + 4 * SECOND);
        assert_eq!(back, Some(Turn::Back { after: 3 * SECOND, said: false }));
        assert_eq!((away.since(), away.due), (None, None));
    }

    #[test]
    fn kinds_that_weir_can_do_without_do_not_count() {
        let start = Instant::now();
        let mut away = established(start);
        for kind in [Kind::Node, Kind::ServiceCidr] {
            assert_eq!(away.note(kind, &failing(), start), None);
        }
        assert_eq!(away.since(), None);
    }

    #[test]
    fn it_is_said_after_some_seconds_then_every_minute_and_told_when_it_is_over() {
        let start = Instant::now();
        let mut away = established(start);
        away.note(Kind::Service, &failing(), start);
        assert_eq!(away.due, Some(start + GRACE));
        away.said(start + GRACE);
        assert_eq!(away.due, Some(start + GRACE + EVERY));
        let back = away.note(Kind::Service, &WatchState::Connected, start + 192 * SECOND);
        assert_eq!(back, Some(Turn::Back { after: 192 * SECOND, said: true }));
        assert_eq!(rounded(192 * SECOND + SECOND / 2).to_string(), "3m 12s");
        away.note(Kind::Service, &failing(), start + 200 * SECOND);
        let back = away.note(Kind::Service, &WatchState::Connected, start + 201 * SECOND);
        assert_eq!(back, Some(Turn::Back { after: SECOND, said: false }));
    }

    #[test]
    fn a_clock_that_jumps_changes_no_duration_and_never_gives_an_absurd_time() {
        let start = Moment::now();
        let mut away = established(start.steady);
        away.note(Kind::Service, &failing(), start.steady);
        let later = start.steady + 60 * SECOND;
        let year = 365 * 24 * 3600 * SECOND;
        for wall in [start.wall - year, start.wall + year, SystemTime::UNIX_EPOCH] {
            let since = away.since_wall(Moment { steady: later, wall });
            assert_eq!(since, wall.checked_sub(60 * SECOND), "by the clock of now");
        }
        let before_time = away.since_wall(Moment { steady: later, wall: SystemTime::UNIX_EPOCH });
        assert_eq!((seconds(before_time), seconds(None)), (0, 0));
        assert_eq!(TimeOfDay(before_time).to_string(), "an unknown time");
        let known = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_467_000_500);
        assert_eq!(TimeOfDay(Some(known)).to_string(), "2026-11-23T20:50:00Z");
        let back = away.note(Kind::Service, &WatchState::Connected, later);
        assert_eq!(back, Some(Turn::Back { after: 60 * SECOND, said: false }));
    }
}
