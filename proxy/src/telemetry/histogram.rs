//! How many durations came into each bucket of a Service port's histogram?

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of a histogram's buckets, ascending; longer durations are in one more bucket.
pub type Bounds = &'static [Duration];

/// Bounds of times to connect: two a decade, from 0.1 ms, as a node answers itself in less, to 10 s.
pub(crate) const CONNECT_TIMES: Bounds = &[
    Duration::from_micros(100),
    Duration::from_micros(300),
    Duration::from_millis(1),
    Duration::from_millis(3),
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

/// Bounds of connections' durations, from 10 ms to a day.
pub(crate) const CONNECTIONS: Bounds = &[
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// Buckets of a histogram at most, that of the longest durations among them.
const MAX_BUCKETS: usize = 12;

/// Durations that one worker has seen since the last flush.
#[derive(Debug)]
pub(crate) struct LocalHistogram {
    bounds: Bounds,
    buckets: [Cell<u32>; MAX_BUCKETS],
    /// Sum of the durations in microseconds.
    micros: Cell<u64>,
}

impl LocalHistogram {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, buckets: Default::default(), micros: Cell::default() }
    }

    /// Counts a duration.
    pub(crate) fn record(&self, duration: Duration) {
        if let Some(bucket) = self.buckets.get(bucket(self.bounds, duration)) {
            bucket.set(bucket.get().saturating_add(1));
        }
        self.micros.set(self.micros.get().saturating_add(micros(duration)));
    }

    /// Moves all counts to a shared histogram with the same bounds.
    pub(crate) fn flush(&self, shared: &SharedHistogram) {
        let counted = self.buckets.iter().zip(&shared.buckets).map(|(local, shared)| match local.take() {
            0 => 0,
            count => {
                shared.fetch_add(count.into(), Relaxed);
                count
            }
        });
        if counted.sum::<u32>() > 0 {
            shared.micros.fetch_add(self.micros.take(), Relaxed);
        }
    }
}

/// Durations of all workers.
#[derive(Debug)]
pub(crate) struct SharedHistogram {
    bounds: Bounds,
    buckets: [AtomicU64; MAX_BUCKETS],
    micros: AtomicU64,
}

impl SharedHistogram {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, buckets: Default::default(), micros: AtomicU64::new(0) }
    }

    /// The counts at this moment.
    pub(crate) fn read(&self) -> HistogramReading {
        let buckets = self.buckets.each_ref().map(|bucket| bucket.load(Relaxed));
        HistogramReading {
            bounds: self.bounds,
            buckets,
            sum: Duration::from_micros(self.micros.load(Relaxed)),
        }
    }
}

/// Counts of a histogram at one moment.
#[derive(Clone, Debug)]
pub struct HistogramReading {
    bounds: Bounds,
    buckets: [u64; MAX_BUCKETS],
    sum: Duration,
}

impl HistogramReading {
    /// Upper bound of each bucket with the number of durations up to there; the last bucket has no bound.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let mut total = 0;
        bounds.zip(self.buckets).map(move |(bound, count)| {
            total += count;
            (bound, total)
        })
    }

    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Sum of all durations.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

/// Position of the bucket of a duration: the first whose bound is not less.
fn bucket(bounds: Bounds, duration: Duration) -> usize {
    bounds.partition_point(|bound| *bound < duration)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bounds_ascend_and_fit() {
        for bounds in [CONNECT_TIMES, CONNECTIONS] {
            assert!(bounds.is_sorted() && bounds.len() < MAX_BUCKETS);
        }
    }

    #[test]
    fn durations_are_counted_once_in_the_first_bucket_that_has_room_for_them_and_flushed_once() {
        let (local, shared) = (LocalHistogram::new(CONNECTIONS), SharedHistogram::new(CONNECTIONS));
        let millis = [0, 10, 11, 100, 1000, 86_400_000, 86_400_001];
        millis.iter().for_each(|&millis| local.record(Duration::from_millis(millis)));
        local.flush(&shared);
        local.flush(&shared);
        let reading = shared.read();
        let counts: Vec<u64> = reading.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 4, 5, 5, 5, 5, 5, 5, 6, 7]);
        assert_eq!(reading.cumulative().last(), Some((None, 7)));
        assert_eq!((reading.count(), reading.sum()), (7, Duration::from_millis(millis.iter().sum())));
    }
}
