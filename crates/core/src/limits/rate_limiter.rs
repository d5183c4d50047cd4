//! When may the next one pass, if only so many may pass in a time?

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How often something may happen: once an interval in the long run, and a burst at once after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Nanoseconds between two events (the emission interval T of ITU-T I.371).
    interval: u64,
    /// Nanoseconds that an event may be early: the intervals of a burst but one (the tolerance τ of ITU-T I.371).
    tolerance: u64,
}

impl Quota {
    /// One event in each `interval`, and up to `burst` events at once after a quiet time (0 counts as 1).
    pub const fn new(interval: Duration, burst: u32) -> Self {
        let nanos = interval.as_nanos();
        // `u64::try_from` is not const; 584 years are long enough.
        Self::of_nanos(if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }, burst as u64)
    }

    /// `count` events a second, and at once what a tenth of a second allows, but always one.
    pub fn per_second(count: NonZeroU32) -> Self {
        let count = u64::from(count.get());
        Self::of_nanos(NANOS_PER_SECOND / count, count / 10)
    }

    const fn of_nanos(interval: u64, burst: u64) -> Self {
        Self { interval, tolerance: interval.saturating_mul(burst.saturating_sub(1)) }
    }
}

/// Keeps events within a [`Quota`] by the generic cell rate algorithm (ITU-T I.371). One atomic word: threads share a limiter
/// by reference, and no two get the same moment. The quota is an argument, as a user may change the rate of a Service.
#[derive(Debug)]
pub struct RateLimiter {
    start: Instant,
    /// Nanoseconds after `start` at which the next event would come if none ever came early (the theoretical arrival time of
    /// ITU-T I.371).
    next: AtomicU64,
}

impl RateLimiter {
    /// A limiter that allows a whole burst from `start` on. Earlier times count as `start`.
    pub fn new(start: Instant) -> Self {
        Self { start, next: AtomicU64::new(0) }
    }

    /// Time from `now` until the next event may happen; zero if at once. Counts no event.
    pub fn wait(&self, now: Instant, quota: Quota) -> Duration {
        self.until(self.next.load(Relaxed), self.nanos(now), quota)
    }

    /// Counts the next event, whenever it may happen; returns the time from `now` until then.
    pub fn reserve(&self, now: Instant, quota: Quota) -> Duration {
        let nanos = self.nanos(now);
        let take = |next: u64| Some(next.max(nanos).saturating_add(quota.interval));
        let (Ok(next) | Err(next)) = self.next.fetch_update(Relaxed, Relaxed, take);
        self.until(next, nanos, quota)
    }

    /// Counts the next event if it may happen at once; returns whether it may.
    pub fn try_take(&self, now: Instant, quota: Quota) -> bool {
        let nanos = self.nanos(now);
        let take = |next: u64| {
            let may_come = self.until(next, nanos, quota).is_zero();
            may_come.then(|| next.max(nanos).saturating_add(quota.interval))
        };
        self.next.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    /// The one formula: the next event may happen at its theoretical time less the tolerance.
    fn until(&self, next: u64, now: u64, quota: Quota) -> Duration {
        Duration::from_nanos(next.max(now).saturating_sub(now.saturating_add(quota.tolerance)))
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX / 2)
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn per_second(count: u32) -> Quota {
        Quota::per_second(NonZeroU32::new(count).unwrap())
    }

    #[test]
    fn a_burst_comes_at_once_and_the_others_at_the_rate() {
        let start = Instant::now();
        let limiter = RateLimiter::new(start);
        let waits: Vec<_> = (0..14).map(|_| limiter.reserve(start, per_second(100)).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 20, 30, 40]);
        // Silence gives a burst back, and no more than one.
        let later = start + Duration::from_secs(60);
        let waits: Vec<_> = (0..12).map(|_| limiter.reserve(later, per_second(100)).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 20]);
    }

    #[test]
    fn one_in_a_second_is_one_in_a_second() {
        let start = Instant::now();
        let limiter = RateLimiter::new(start);
        let waits = [0, 0, 1, 5]
            .map(|second| limiter.reserve(start + Duration::from_secs(second), per_second(1)).as_secs());
        assert_eq!(waits, [0, 1, 1, 0]);
    }

    #[test]
    fn asking_how_long_to_wait_counts_nothing() {
        const QUOTA: Quota = Quota::new(Duration::from_millis(50), 10);
        let start = Instant::now();
        let limiter = RateLimiter::new(start);
        for _ in 0..10 {
            assert_eq!(limiter.wait(start, QUOTA), Duration::ZERO);
            limiter.reserve(start, QUOTA);
        }
        for _ in 0..2 {
            assert_eq!(limiter.wait(start, QUOTA), Duration::from_millis(50));
        }
        let soon = start + Duration::from_millis(20);
        assert_eq!(limiter.wait(soon, QUOTA), Duration::from_millis(30));
    }

    #[test]
    fn an_event_that_may_not_happen_at_once_does_not_count() {
        const QUOTA: Quota = Quota::new(Duration::from_secs(1), 1);
        let start = Instant::now();
        let limiter = RateLimiter::new(start);
        let taken = [0, 1, 999, 1000, 1999, 2000]
            .map(|millis| limiter.try_take(start + Duration::from_millis(millis), QUOTA));
        assert_eq!(taken, [true, false, false, true, false, true]);
    }

    #[test]
    fn extreme_quotas_overflow_nothing() {
        let start = Instant::now();
        let limiter = RateLimiter::new(start);
        for quota in
            [Quota::new(Duration::MAX, u32::MAX), Quota::new(Duration::ZERO, 0), per_second(u32::MAX)]
        {
            (0..3).for_each(|_| _ = limiter.reserve(start + Duration::from_secs(1 << 32), quota));
        }
    }

    proptest! {
        #[test]
        fn no_second_has_more_events_than_the_rate_and_a_burst(
            limit in 1u32..5_000,
            gaps in prop::collection::vec(0u64..20_000, 1..500),
        ) {
            let start = Instant::now();
            let limiter = RateLimiter::new(start);
            let mut now = start;
            let mut events = Vec::new();
            for gap in gaps {
                now += Duration::from_micros(gap);
                events.push(now + limiter.reserve(now, per_second(limit)));
            }
            let most = limit as usize + (limit as usize / 10).max(1) + 1;
            for (index, &event) in events.iter().enumerate() {
                let within = events[index..].iter().take_while(|&&other| other < event + Duration::from_secs(1));
                prop_assert!(within.count() <= most);
            }
        }

        #[test]
        fn the_wait_that_is_announced_is_the_wait_that_is_given(
            interval in 1u64..1_000, burst in 0u32..20, gaps in prop::collection::vec(0u64..1_000, 1..100),
        ) {
            let quota = Quota::new(Duration::from_micros(interval), burst);
            let mut now = Instant::now();
            let limiter = RateLimiter::new(now);
            for gap in gaps {
                now += Duration::from_micros(gap);
                let announced = limiter.wait(now, quota);
                if announced.is_zero() && gap % 2 == 0 {
                    prop_assert!(limiter.try_take(now, quota));
                } else {
                    prop_assert_eq!(limiter.try_take(now, quota), announced.is_zero());
                    prop_assert!(announced.is_zero() || limiter.reserve(now, quota) == announced);
                }
            }
        }
    }
}
