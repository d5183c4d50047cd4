//! How long did operations take? A histogram of which each bucket is less than 2 % wide.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets for each power of two.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.ilog2();
const BUCKETS: usize = (STEPS * (u64::BITS - STEP_BITS + 1) as u64) as usize;

/// Durations in nanoseconds, recorded by any number of threads.
#[derive(Debug)]
pub(crate) struct Latencies {
    buckets: Box<[AtomicU64]>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::default()).collect() }
    }
}

impl Latencies {
    /// Records one duration.
    pub(crate) fn record(&self, nanoseconds: u64) {
        self.buckets[bucket(nanoseconds)].fetch_add(1, Ordering::Relaxed);
    }

    /// The duration that this share of all durations stays at or below, in nanoseconds; `None` without any.
    pub(crate) fn quantile(&self, share: f64) -> Option<u64> {
        let counts: Vec<u64> = self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let rank = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        counts
            .iter()
            .position(|count| {
                seen += count;
                seen >= rank
            })
            .map(middle)
    }
}

/// The bucket of a duration. Below [`STEPS`] each number has its own.
fn bucket(nanoseconds: u64) -> usize {
    let power = nanoseconds.max(STEPS).ilog2() - STEP_BITS;
    (u64::from(power) * STEPS + (nanoseconds >> power)) as usize
}

fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let power = (bucket / STEPS).saturating_sub(1);
    ((bucket - power * STEPS) << power) + (1 << power) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_less_than_two_percent_wide() {
        for exact in (0..63).map(|bit| (1_u64 << bit) + (1 << bit) / 3).chain([0, 1, 63, 64, 127, 128, 1000])
        {
            let found = middle(bucket(exact));
            assert!(found.abs_diff(exact) as f64 <= exact as f64 * 0.01, "{exact} became {found}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_those_of_the_recorded_durations() {
        let latencies = Latencies::default();
        (1..=1000).for_each(|microseconds| latencies.record(microseconds * 1000));
        for (share, exact) in [(0.0, 1_000), (0.5, 500_000), (0.99, 990_000), (1.0, 1_000_000)] {
            let found = latencies.quantile(share).unwrap();
            assert!(found.abs_diff(exact) <= exact / 50, "{share}: {found} instead of {exact}");
        }
    }

    #[test]
    fn without_durations_there_is_no_quantile() {
        assert_eq!(Latencies::default().quantile(0.5), None);
    }
}
