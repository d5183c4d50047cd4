//! How long does a failed list or watch wait before it is tried again? Pure: time and chance are arguments.

use std::time::Duration;
use tokio::time::Instant;
use weir_core::Backoff;

/// Longest wait after a first failure.
const MAX_FIRST_WAIT: Duration = Duration::from_secs(1);

/// Longest `Retry-After` that is honoured. A server that asks for more is not busy but mistaken.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Time without a failure after which waits begin at the shortest again.
const RESET_AFTER: Duration = Duration::from_secs(60);

/// Back-off while the API server is away or starts: waits are short, so that weir is back soon after it.
pub(super) const UNAVAILABLE: Backoff = Backoff::new(MAX_FIRST_WAIT, Duration::from_secs(5));

/// Back-off while the API server answers and refuses: somebody has to change something first.
pub(super) const REFUSED: Backoff = Backoff::new(MAX_FIRST_WAIT, Duration::from_secs(30));

/// Failures of one watch in a row, and the waits that follow them. Waits have jitter, so that thousands of nodes that
/// lost the API server at one moment come back one after another.
#[derive(Debug, Default)]
pub(super) struct Retries {
    failures: u32,
    /// Time at which the last wait ended; `None` before the first failure.
    retried: Option<Instant>,
}

impl Retries {
    /// Wait before the next attempt. `retry_after` is what the server asked for; `entropy` is uniform over all its
    /// values.
    pub(super) fn next_wait(
        &mut self,
        backoff: Backoff,
        retry_after: Option<Duration>,
        now: Instant,
        entropy: u32,
    ) -> Duration {
        if self.is_fresh(now) {
            self.failures = 0;
        }
        let wait = backoff.wait_with_jitter(self.failures, entropy);
        let wait = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER) + wait;
        self.failures = self.failures.saturating_add(1);
        self.retried = Some(now + wait);
        wait
    }

    /// Whether nothing has failed in the last minute.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.retried.is_none_or(|retried| now.saturating_duration_since(retried) >= RESET_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Longest waits, in seconds, of `count` failures that follow one another at once.
    fn ceilings(backoff: Backoff, count: usize) -> Vec<u64> {
        let (mut retries, mut now) = (Retries::default(), Instant::now());
        let mut next = || {
            let wait = retries.next_wait(backoff, None, now, u32::MAX);
            now += wait;
            wait.as_secs()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn waits_double_up_to_five_seconds_for_a_server_that_is_away_and_thirty_for_one_that_refuses() {
        assert_eq!(ceilings(UNAVAILABLE, 5), [1, 2, 4, 5, 5]);
        assert_eq!(ceilings(REFUSED, 7), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(ceilings(UNAVAILABLE, 3000).last(), Some(&5));
    }

    #[test]
    fn a_watch_that_went_well_for_a_minute_begins_anew_and_one_that_flaps_does_not() {
        let (mut retries, mut now) = (Retries::default(), Instant::now());
        assert!(retries.is_fresh(now));
        for _ in 0..5 {
            now += retries.next_wait(UNAVAILABLE, None, now, u32::MAX);
            now += RESET_AFTER - Duration::from_secs(1);
            assert!(!retries.is_fresh(now));
        }
        assert_eq!(retries.next_wait(UNAVAILABLE, None, now, u32::MAX), UNAVAILABLE.wait(u32::MAX));
        now += UNAVAILABLE.wait(u32::MAX) + RESET_AFTER;
        assert!(retries.is_fresh(now));
        assert_eq!(retries.next_wait(UNAVAILABLE, None, now, u32::MAX), MAX_FIRST_WAIT);
    }

    #[test]
    fn five_thousand_nodes_that_find_the_server_gone_do_not_come_back_together() {
        let mut seconds = [0; 5];
        for node in 0..5000_u32 {
            let (mut retries, mut now) = (Retries::default(), Instant::now());
            // Spreads the nodes evenly; the last wait counts.
            let chance = node * (u32::MAX / 5000);
            let waits = [0, 0, 0, chance].map(|chance| {
                let wait = retries.next_wait(UNAVAILABLE, None, now, chance);
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
            let wait = Retries::default().next_wait(REFUSED, Some(asked), Instant::now(), chance);
            prop_assert!(wait >= asked.min(MAX_RETRY_AFTER));
            prop_assert!(wait <= MAX_RETRY_AFTER + MAX_FIRST_WAIT);
        }
    }
}
