//! When is it the next one's turn, if only so many may come in a second? One atomic word, shared by all who ask.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Gives out turns at a rate: the generic cell rate algorithm (ITU-T I.371). What was not used for a tenth of a second
/// may be used at once, but one turn at least.
#[derive(Debug)]
pub struct Rate {
    start: Instant,
    /// Nanoseconds after `start` at which the next turn would be if none came early.
    next: AtomicU64,
}

impl Rate {
    /// All turns of a burst are there from `start` on.
    pub fn new(start: Instant) -> Self {
        Self { start, next: AtomicU64::new(0) }
    }

    /// Takes the next turn; returns how long after `now` that is. Nobody else gets the same one.
    pub fn reserve(&self, now: Instant, per_second: NonZeroU32) -> Duration {
        let per_second = u64::from(per_second.get());
        let interval = SECOND / per_second;
        let early = interval * (per_second / 10).saturating_sub(1);
        let now = u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX / 2);
        let turn = |next: u64| next.max(now);
        let before = self.next.fetch_update(Relaxed, Relaxed, |next| Some(turn(next) + interval));
        let (Ok(before) | Err(before)) = before;
        Duration::from_nanos(turn(before).saturating_sub(now + early))
    }
}

const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn per_second(rate: u32) -> NonZeroU32 {
        NonZeroU32::new(rate).unwrap()
    }

    #[test]
    fn a_burst_comes_at_once_and_the_others_at_the_rate() {
        let start = Instant::now();
        let rate = Rate::new(start);
        let waits: Vec<_> = (0..14).map(|_| rate.reserve(start, per_second(100)).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 20, 30, 40]);
        // Silence gives a burst back, and no more than one.
        let later = start + Duration::from_secs(60);
        let waits: Vec<_> = (0..12).map(|_| rate.reserve(later, per_second(100)).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 20]);
    }

    #[test]
    fn one_in_a_second_is_one_in_a_second() {
        let start = Instant::now();
        let rate = Rate::new(start);
        let waits = [0, 0, 1, 5]
            .map(|second| rate.reserve(start + Duration::from_secs(second), per_second(1)).as_secs());
        assert_eq!(waits, [0, 1, 1, 0]);
    }

    proptest! {
        #[test]
        fn no_second_has_more_turns_than_the_rate_and_a_burst(
            limit in 1u32..5_000,
            gaps in prop::collection::vec(0u64..20_000, 1..500),
        ) {
            let start = Instant::now();
            let rate = Rate::new(start);
            let mut now = start;
            let mut turns = Vec::new();
            for gap in gaps {
                now += Duration::from_micros(gap);
                turns.push(now + rate.reserve(now, per_second(limit)));
            }
            let most = limit as usize + (limit as usize / 10).max(1) + 1;
            for (index, &turn) in turns.iter().enumerate() {
                let within = turns[index..].iter().take_while(|&&other| other < turn + Duration::from_secs(1));
                prop_assert!(within.count() <= most);
            }
        }
    }
}
