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

    /// Mean of all durations; `None` without any.
    pub fn mean(&self) -> Option<Duration> {
        let count = self.count();
        (count > 0).then(|| self.sum.div_f64(count as f64))
    }

    /// Duration below which this share of all durations is, from 0 to 1; `None` without any. As Prometheus'
    /// `histogram_quantile`: durations are taken as spread evenly within their bucket, and those beyond the last bound as
    /// of that bound.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = share.clamp(0.0, 1.0) * self.count() as f64;
        let (mut lower, mut below) = (Duration::ZERO, 0);
        for (bound, total) in self.cumulative() {
            let upper = bound.unwrap_or(lower);
            if total > below && total as f64 >= wanted {
                let part = (wanted - below as f64) / (total - below) as f64;
                return Some(lower + (upper - lower).mul_f64(part));
            }
            (lower, below) = (upper, total);
        }
        None
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

    /// A reading of this many durations in each bucket of times to connect.
    fn reading(buckets: &[u64]) -> HistogramReading {
        let shared = SharedHistogram::new(CONNECT_TIMES);
        buckets.iter().zip(&shared.buckets).for_each(|(&count, bucket)| bucket.store(count, Relaxed));
        shared.read()
    }

    #[test]
    fn a_quantile_lies_within_its_bucket_as_if_durations_were_spread_evenly_there() {
        let reading = reading(&[0, 40, 0, 60]);
        let quantiles = [0.0, 0.2, 0.4, 0.7, 1.0].map(|share| reading.quantile(share).unwrap().as_micros());
        assert_eq!(quantiles, [100, 200, 300, 2_000, 3_000]);
        assert_eq!(reading.quantile(7.0), reading.quantile(1.0));
    }

    #[test]
    fn the_first_bucket_begins_at_nothing_and_the_last_has_but_its_lower_bound() {
        assert_eq!(reading(&[4]).quantile(0.5), Some(Duration::from_micros(50)));
        let mut slow = [0; MAX_BUCKETS];
        (slow[0], slow[MAX_BUCKETS - 1]) = (1, 99);
        assert_eq!(reading(&slow).quantile(0.5), Some(Duration::from_secs(10)));
    }

    #[test]
    fn without_durations_there_is_no_mean_and_no_quantile() {
        let (local, shared) = (LocalHistogram::new(CONNECT_TIMES), SharedHistogram::new(CONNECT_TIMES));
        assert_eq!((shared.read().mean(), shared.read().quantile(0.99)), (None, None));
        [100, 300].into_iter().for_each(|micros| local.record(Duration::from_micros(micros)));
        local.flush(&shared);
        assert_eq!(shared.read().mean(), Some(Duration::from_micros(200)));
    }
}
