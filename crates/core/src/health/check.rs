//! Do active checks find an endpoint up or down, and when is the first one due?

use crate::model::ActiveCheck;
use std::{fmt, time::Duration};

/// Time that one check may take at most, whatever the interval.
const MAX_CHECK_TIME: Duration = Duration::from_secs(5);

/// What active checks have found of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Health {
    /// Too few checks have ended: the endpoint is used as if there were no checks.
    #[default]
    Unknown,
    /// Enough checks in a row succeeded.
    Up,
    /// Enough checks in a row failed: the endpoint gets no flows while another one is up.
    Down,
}

impl Health {
    /// The word for logs, JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Derives the health of one endpoint from the outcomes of its checks (HAProxy: `rise` and `fall`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthTracker {
    health: Health,
    /// Whether the last check succeeded.
    last: bool,
    /// Number of checks in a row, up to the last one, that ended as the last one did.
    streak: u32,
}

impl HealthTracker {
    /// The health of the endpoint.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Records the outcome of a check; returns the health before if the outcome has changed the health.
    pub fn record(&mut self, check: &ActiveCheck, succeeded: bool) -> Option<Health> {
        self.streak = if self.last == succeeded { self.streak.saturating_add(1) } else { 1 };
        self.last = succeeded;
        let (health, least) = if succeeded { (Health::Up, check.rise) } else { (Health::Down, check.fall) };
        if self.health == health || self.streak < least.get() {
            return None;
        }
        Some(std::mem::replace(&mut self.health, health))
    }
}

impl ActiveCheck {
    /// The settings by which one endpoint is checked for two Services: the shorter interval, the smaller `fall` and the
    /// greater `rise`.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        Self {
            interval: self.interval.min(other.interval),
            rise: self.rise.max(other.rise),
            fall: self.fall.min(other.fall),
        }
    }

    /// Time that one check may take: the interval, but at most 5 s.
    pub fn timeout(&self) -> Duration {
        self.interval.min(MAX_CHECK_TIME)
    }

    /// Time until the first check: a random part of the interval, so that a thousand endpoints that appear together are not
    /// checked in one moment. `entropy` is uniform over all its values.
    pub fn first(&self, entropy: u64) -> Duration {
        self.interval.mul_f64((entropy >> 11) as f64 / (1u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn check(interval: u64, rise: u32, fall: u32) -> ActiveCheck {
        let [rise, fall] = [rise, fall].map(|count| NonZeroU32::new(count).unwrap());
        ActiveCheck { interval: Duration::from_secs(interval), rise, fall }
    }

    fn after(check: &ActiveCheck, outcomes: &[bool]) -> HealthTracker {
        let mut checked = HealthTracker::default();
        outcomes.iter().for_each(|&outcome| _ = checked.record(check, outcome));
        checked
    }

    #[test]
    fn failures_in_a_row_bring_it_down_and_successes_in_a_row_up() {
        let check = check(5, 2, 3);
        let mut checked = HealthTracker::default();
        assert_eq!(checked.health(), Health::Unknown);
        let reported = [false, false, true, false, false, false, false, true, false, true, true, true]
            .map(|outcome| checked.record(&check, outcome));
        let mut expected = [None; 12];
        (expected[5], expected[10]) = (Some(Health::Unknown), Some(Health::Down));
        assert_eq!((reported, checked.health()), (expected, Health::Up));
    }

    #[test]
    fn one_of_each_is_enough_if_that_is_asked_for() {
        let check = check(5, 1, 1);
        assert_eq!(after(&check, &[false]).health(), Health::Down);
        assert_eq!(after(&check, &[true, false, true]).health(), Health::Up);
    }

    #[test]
    fn the_stricter_settings_win() {
        let strictest = check(1, 2, 9).strictest(check(5, 7, 3));
        assert_eq!(strictest, check(1, 7, 3));
        assert_eq!(
            (strictest.timeout(), check(60, 1, 1).timeout()),
            (Duration::from_secs(1), MAX_CHECK_TIME)
        );
    }

    #[test]
    fn settings_that_become_stricter_count_what_was_seen_before() {
        let mut checked = after(&check(5, 2, 9), &[false; 4]);
        assert_eq!(checked.record(&check(5, 2, 3), false), Some(Health::Unknown));
    }

    #[test]
    fn first_checks_are_spread_over_the_whole_interval() {
        let check = check(10, 2, 3);
        assert_eq!(check.first(0), Duration::ZERO);
        assert!((9_999..=10_000).contains(&check.first(u64::MAX).as_millis()));
        let mut entropy = 7u64;
        let mut tenths = [0; 10];
        for _ in 0..1000 {
            entropy = entropy.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            tenths[check.first(entropy).as_millis() as usize / 1000] += 1;
        }
        assert!(tenths.iter().all(|&count| (60..140).contains(&count)), "{tenths:?}");
    }

    proptest! {
        #[test]
        fn it_is_down_only_after_as_many_failures_and_up_after_as_many_successes(
            outcomes in prop::collection::vec(any::<bool>(), 0..60), rise in 1u32..5, fall in 1u32..5,
        ) {
            let check = check(5, rise, fall);
            let mut checked = HealthTracker::default();
            for end in 0..outcomes.len() {
                let before = checked.health();
                let reported = checked.record(&check, outcomes[end]);
                prop_assert_eq!(reported, (before != checked.health()).then_some(before));
                let least = if outcomes[end] { rise } else { fall } as usize;
                let in_a_row = outcomes[..=end].iter().rev().take_while(|&&outcome| outcome == outcomes[end]).count();
                let expected = match (in_a_row >= least, outcomes[end]) {
                    (true, true) => Health::Up,
                    (true, false) => Health::Down,
                    (false, _) => before,
                };
                prop_assert_eq!(checked.health(), expected);
            }
        }
    }
}
