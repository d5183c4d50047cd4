//! May a log line be written that a flood could have written a thousand times a second?

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};
use weir_core::{Quota, RateLimiter};

/// Log lines that may be written: one a second.
const QUOTA: Quota = Quota::new(Duration::from_secs(1), 1);

/// Lets one log line through in a second, of all callers, and counts the lines held back.
#[derive(Debug)]
pub(crate) struct LogLimiter {
    lines: RateLimiter,
    held_back: AtomicU64,
}

impl LogLimiter {
    pub(crate) fn new(start: Instant) -> Self {
        Self { lines: RateLimiter::new(start), held_back: AtomicU64::new(0) }
    }

    /// Whether a line may be written now: `Some` with the number of lines held back before it.
    pub(crate) fn allows(&self, now: Instant) -> Option<u64> {
        if self.lines.try_take(now, QUOTA) {
            return Some(self.held_back.swap(0, Relaxed));
        }
        self.held_back.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_gets_through_and_tells_how_many_did_not() {
        let start = Instant::now();
        let limiter = LogLimiter::new(start);
        let at = |millis| limiter.allows(start + Duration::from_millis(millis));
        let got = [0, 1, 500, 999, 1000, 1001, 5000, 5999, 6000].map(at);
        assert_eq!(got, [Some(0), None, None, None, Some(3), None, Some(1), None, Some(1)]);
    }
}
