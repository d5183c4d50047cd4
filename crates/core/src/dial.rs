//! How long may the next attempt to reach an endpoint take, and may there be one?

use std::time::{Duration, Instant};

/// How many endpoints one connection tries at most.
pub const MAX_ATTEMPTS: usize = 3;

/// How long an attempt may take while another endpoint could still be tried.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1200);

/// The attempts of one connection to reach some endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Dial {
    deadline: Instant,
    attempts: usize,
}

impl Dial {
    /// Starts; all attempts together may take `connect_timeout`.
    pub fn start(now: Instant, connect_timeout: Duration) -> Self {
        Self { deadline: now + connect_timeout, attempts: 0 }
    }

    /// The time-out of the next attempt, or `None` when there must not be one.
    ///
    /// `untried` is how many endpoints are left, the next one included. The last one may use all the time that is
    /// left, so a Service with one endpoint is never worse off than without a proxy.
    pub fn next(&mut self, now: Instant, untried: usize) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(now);
        if untried == 0 || self.attempts == MAX_ATTEMPTS || left.is_zero() {
            return None;
        }
        self.attempts += 1;
        let last = untried == 1 || self.attempts == MAX_ATTEMPTS;
        Some(if last { left } else { left.min(ATTEMPT_TIMEOUT) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECT: Duration = Duration::from_secs(10);

    #[test]
    fn an_only_endpoint_may_use_the_whole_deadline() {
        let now = Instant::now();
        let mut dial = Dial::start(now, CONNECT);
        assert_eq!(dial.next(now, 1), Some(CONNECT));
        assert_eq!(dial.next(now + CONNECT, 0), None);
    }

    #[test]
    fn attempts_are_short_while_another_endpoint_is_left() {
        let now = Instant::now();
        let mut dial = Dial::start(now, CONNECT);
        assert_eq!(dial.next(now, 9), Some(ATTEMPT_TIMEOUT));
        let second = now + ATTEMPT_TIMEOUT;
        assert_eq!(dial.next(second, 8), Some(ATTEMPT_TIMEOUT));
        let third = second + ATTEMPT_TIMEOUT;
        assert_eq!(dial.next(third, 7), Some(CONNECT - 2 * ATTEMPT_TIMEOUT));
        assert_eq!(dial.next(third, 6), None);
    }

    #[test]
    fn no_attempt_starts_after_the_deadline() {
        let now = Instant::now();
        let mut dial = Dial::start(now, Duration::from_secs(1));
        assert_eq!(dial.next(now, 3), Some(Duration::from_secs(1)));
        assert_eq!(dial.next(now + Duration::from_secs(1), 2), None);
    }
}
