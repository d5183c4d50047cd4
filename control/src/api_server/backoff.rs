//! How long does a failed list or watch wait before it is tried again? Pure: time and chance are arguments.

use std::time::Duration;
use tokio::time::Instant;

/// Longest wait after a first failure.
const MAX_FIRST_WAIT: Duration = Duration::from_secs(1);

/// Longest `Retry-After` that is honoured. A server that asks for more is not busy but mistaken.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Time without a failure after which waits begin at the shortest again.
const RESET_AFTER: Duration = Duration::from_secs(60);

/// Ceiling of the waits, by what has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// The API server is away or starts: waits are short, so that weir is back soon after it.
    Away,
    /// The API server answers and refuses: somebody has to change something first.
    Refused,
}

impl Patience {
    /// Longest wait.
    pub(super) fn longest(self) -> Duration {
        match self {
            Self::Away => Duration::from_secs(5),
            Self::Refused => Duration::from_secs(30),
        }
    }
}

/// Back-off of one watch: waits double, each of any length up to that ("full jitter"), so that thousands of
/// nodes that lost the API server at one moment come back one after another.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    /// Time at which the last wait ended; `None` before the first failure.
    retried: Option<Instant>,
}

impl Backoff {
    /// Wait before the next attempt. `retry_after` is what the server asked for; `chance` is any number, each
    /// equally likely.
    pub(super) fn next(
        &mut self,
        patience: Patience,
        retry_after: Option<Duration>,
        now: Instant,
        chance: u32,
    ) -> Duration {
        if self.retried.is_some_and(|retried| now.saturating_duration_since(retried) >= RESET_AFTER) {
            self.failures = 0;
        }
        let ceiling = MAX_FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(patience.longest());
        self.failures = self.failures.saturating_add(1);
        let wait = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER) + ceiling.mul_f64(share(chance));
        self.retried = Some(now + wait);
        wait
    }

    /// Whether nothing has failed in the last minute.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.retried.is_none_or(|retried| now.saturating_duration_since(retried) >= RESET_AFTER)
    }
}

/// A number from 0 to 1.
fn share(chance: u32) -> f64 {
    f64::from(chance) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Longest waits, in seconds, of `count` failures that follow one another at once.
    fn ceilings(patience: Patience, count: usize) -> Vec<u64> {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        let mut next = || {
            let wait = backoff.next(patience, None, now, u32::MAX);
            now += wait;
            wait.as_secs()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn waits_double_up_to_five_seconds_for_a_server_that_is_away_and_thirty_for_one_that_refuses() {
        assert_eq!(ceilings(Patience::Away, 5), [1, 2, 4, 5, 5]);
        assert_eq!(ceilings(Patience::Refused, 7), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(ceilings(Patience::Away, 3000).last(), Some(&5));
    }

    #[test]
    fn a_watch_that_went_well_for_a_minute_begins_anew_and_one_that_flaps_does_not() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        assert!(backoff.is_fresh(now));
        for _ in 0..5 {
            now += backoff.next(Patience::Away, None, now, u32::MAX);
            now += RESET_AFTER - Duration::from_secs(1);
            assert!(!backoff.is_fresh(now));
        }
        assert_eq!(backoff.next(Patience::Away, None, now, u32::MAX), Patience::Away.longest());
        now += Patience::Away.longest() + RESET_AFTER;
        assert!(backoff.is_fresh(now));
        assert_eq!(backoff.next(Patience::Away, None, now, u32::MAX), MAX_FIRST_WAIT);
    }

    #[test]
    fn five_thousand_nodes_that_find_the_server_gone_do_not_come_back_together() {
        let mut seconds = [0; 5];
        for node in 0..5000_u32 {
            let (mut backoff, mut now) = (Backoff::default(), Instant::now());
            // Spreads the nodes evenly; the last wait counts.
            let chance = node * (u32::MAX / 5000);
            let waits = [0, 0, 0, chance].map(|chance| {
                let wait = backoff.next(Patience::Away, None, now, chance);
                now += wait;
                wait
            });
            seconds[waits[3].as_secs_f64() as usize % 5] += 1;
        }
        assert!(seconds.iter().all(|&nodes| (900..1100).contains(&nodes)), "{seconds:?}");
    }

    proptest! {
        #[test]
        fn what_the_server_asks_for_is_honoured_up_to_a_minute(asked in any::<u32>(), chance in any::<u32>()) {
            let asked = Duration::from_secs(u64::from(asked));
            let wait = Backoff::default().next(Patience::Refused, Some(asked), Instant::now(), chance);
            prop_assert!(wait >= asked.min(MAX_RETRY_AFTER));
            prop_assert!(wait <= MAX_RETRY_AFTER + MAX_FIRST_WAIT);
        }
    }
}
