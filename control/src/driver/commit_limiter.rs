//! When is the next commit due? Single changes at once, then at most one commit per interval. (semantics B2)

use std::time::Duration;
use tokio::time::Instant;
use weir_core::{Quota, RateLimiter};

/// Interval between commits while changes keep coming, which are then committed together.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);

/// Commits after a quiet time that need not wait: in a large cluster unrelated changes come close together all
/// the time, and must not wait for each other.
pub(super) const BURST: u32 = 10;

const QUOTA: Quota = Quota::new(INTERVAL, BURST);

/// Rate limiter of commits.
#[derive(Debug)]
pub(super) struct CommitLimiter(RateLimiter);

impl CommitLimiter {
    /// Creates a limiter that allows a whole burst from `start` on.
    pub(super) fn new(start: Instant) -> Self {
        Self(RateLimiter::new(start.into_std()))
    }

    /// Time at which changes that wait at `now` are to be committed.
    pub(super) fn due(&self, now: Instant) -> Instant {
        now + self.0.wait(now.into_std(), QUOTA)
    }

    /// Counts a commit at `now`.
    pub(super) fn committed(&self, now: Instant) {
        self.0.reserve(now.into_std(), QUOTA);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_after_a_quiet_time_is_due_at_once_and_then_one_commit_each_interval() {
        let start = Instant::now();
        let limiter = CommitLimiter::new(start);
        for _ in 0..BURST {
            assert_eq!(limiter.due(start), start);
            limiter.committed(start);
        }
        let mut now = start;
        for _ in 0..3 {
            let due = limiter.due(now);
            assert_eq!(due, now + INTERVAL);
            limiter.committed(due);
            now = due;
        }
        let soon = now + Duration::from_millis(20);
        assert_eq!(
            limiter.due(soon),
            now + INTERVAL,
            "what comes in between waits for the rest of the interval"
        );
        let later = now + BURST * INTERVAL;
        assert_eq!(limiter.due(later), later);
    }
}
