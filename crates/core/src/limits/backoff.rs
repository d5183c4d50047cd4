//! How long is the wait before something that failed is tried again?

use super::jitter;
use std::time::Duration;

/// Waits that double with each failure in a row (exponential back-off). Callers keep the count of failures, so that one
/// constant `Backoff` is enough for many sockets or endpoints with a small number each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Waits of `first`, then twice, four times ... as long, up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The wait after a failure that followed `failures_before` other ones without a success in between.
    pub fn wait(&self, failures_before: u32) -> Duration {
        let doubled = 1u32.checked_shl(failures_before).and_then(|times| self.first.checked_mul(times));
        doubled.map_or(self.longest, |wait| wait.min(self.longest))
    }

    /// A wait of any length from zero to [`Self::wait`], so that thousands of processes that failed at one moment do not
    /// come back at one moment ("full jitter": Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    /// `entropy` is uniform over all its values.
    pub fn wait_with_jitter(&self, failures_before: u32, entropy: u32) -> Duration {
        jitter::part_of(self.wait(failures_before), entropy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_the_longest() {
        let waits: Vec<_> = (0..11).map(|failures| BACKOFF.wait(failures).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
        for failures in [31, 32, u32::MAX] {
            assert_eq!(BACKOFF.wait(failures), Duration::from_secs(30));
        }
    }

    #[test]
    fn a_first_wait_that_is_longer_than_the_longest_is_shortened() {
        let backoff = Backoff::new(Duration::from_secs(9), Duration::from_secs(5));
        assert_eq!(backoff.wait(0), Duration::from_secs(5));
    }

    #[test]
    fn jitter_reaches_from_nothing_to_the_whole_wait() {
        let waits =
            [0, u32::MAX / 2, u32::MAX].map(|entropy| BACKOFF.wait_with_jitter(3, entropy).as_millis());
        assert_eq!(waits, [0, 400, 800]);
    }

    proptest! {
        #[test]
        fn waits_never_shrink_and_jitter_never_lengthens_them(
            first in 1u64..100_000, longest in 1u64..10_000_000, failures in 0u32..80, entropy: u32,
        ) {
            let backoff = Backoff::new(Duration::from_millis(first), Duration::from_millis(longest));
            let wait = backoff.wait(failures);
            prop_assert!(wait <= backoff.wait(failures + 1) && wait <= Duration::from_millis(longest));
            prop_assert!(backoff.wait_with_jitter(failures, entropy) <= wait);
        }
    }
}
