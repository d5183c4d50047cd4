//! When is the next commit due? The first change after a quiet time at once, then at most one per interval.

use std::time::Duration;
use tokio::time::Instant;

/// The least time between two commits: bursts are taken together.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);

/// Knows when the last commit was.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
}

impl Pace {
    /// When changes that wait at `now` are to be committed.
    pub(super) fn due(&self, now: Instant) -> Instant {
        self.last.map_or(now, |last| now.max(last + INTERVAL))
    }

    /// Notes a commit.
    pub(super) fn committed(&mut self, now: Instant) {
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_change_after_a_quiet_time_is_due_at_once_and_the_next_one_interval_later() {
        let mut pace = Pace::default();
        let start = Instant::now();
        assert_eq!(pace.due(start), start);
        pace.committed(start);
        let soon = start + Duration::from_millis(20);
        assert_eq!(pace.due(soon), start + INTERVAL);
        let later = start + INTERVAL * 3;
        assert_eq!(pace.due(later), later);
    }
}
