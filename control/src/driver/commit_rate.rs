//! When is the next commit due? Single changes at once, then at most one commit per interval. (semantics B2)

use std::time::Duration;
use tokio::time::Instant;

/// Interval between commits while changes keep coming, which are then committed together.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);

/// Commits after a quiet time that need not wait: in a large cluster unrelated changes come close together all
/// the time, and must not wait for each other.
pub(super) const BURST: u32 = 10;

/// Rate limiter of commits (the generic cell rate algorithm, ITU-T I.371).
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Time at which the whole burst is available again; `None` before the first commit.
    full: Option<Instant>,
}

impl Pace {
    /// Time at which changes that wait at `now` are to be committed.
    pub(super) fn due(&self, now: Instant) -> Instant {
        let ahead = self.full.map_or(Duration::ZERO, |full| full.saturating_duration_since(now));
        now + (ahead + INTERVAL).saturating_sub(BURST * INTERVAL)
    }

    /// Counts a commit at `now`.
    pub(super) fn committed(&mut self, now: Instant) {
        self.full = Some(self.full.map_or(now, |full| full.max(now)) + INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_after_a_quiet_time_is_due_at_once_and_then_one_commit_each_interval() {
        let mut pace = Pace::default();
        let start = Instant::now();
        for _ in 0..BURST {
            assert_eq!(pace.due(start), start);
            pace.committed(start);
        }
        let mut now = start;
        for _ in 0..3 {
            let due = pace.due(now);
            assert_eq!(due, now + INTERVAL);
            pace.committed(due);
            now = due;
        }
        let soon = now + Duration::from_millis(20);
        assert_eq!(
            pace.due(soon),
            now + INTERVAL,
            "what comes in between waits for the rest of the interval"
        );
        let later = now + BURST * INTERVAL;
        assert_eq!(pace.due(later), later);
    }
}
