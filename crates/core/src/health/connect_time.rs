//! How long does an endpoint take to accept a connection?

use std::time::Duration;

/// Time constant by which a peak decays: after it 37 % (1/e) of the peak are left.
const DECAY: Duration = Duration::from_secs(10);

/// The connect time of one endpoint, smoothed in two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConnectTime {
    /// Mean in microseconds, smoothed as TCP smooths round trips (RFC 6298): an eighth of each sample. 0 without a sample.
    pub(crate) mean: f32,
    /// Peak in microseconds: a longer sample counts at once, shorter ones only as time passes (Finagle's "Peak EWMA").
    pub(crate) peak: f32,
}

impl ConnectTime {
    /// Adds a connect that succeeded after `took`; `since` is the time since the last sample.
    #[must_use]
    pub fn after_success(self, since: Duration, took: Duration) -> Self {
        let took = micros(took);
        if self.mean == 0.0 {
            return Self { mean: took, peak: took.max(self.peak) };
        }
        Self { mean: self.mean + (took - self.mean) / 8.0, ..self }.peak_toward(since, took)
    }

    /// Adds a connect that failed after `took`, which counts for the peak only; `since` is the time since the last sample.
    #[must_use]
    pub fn after_failure(self, since: Duration, took: Duration) -> Self {
        self.peak_toward(since, micros(took))
    }

    fn peak_toward(self, since: Duration, took: f32) -> Self {
        let kept = (-since.as_secs_f32() / DECAY.as_secs_f32()).exp();
        let peak = if took > self.peak { took } else { self.peak * kept + took * (1.0 - kept) };
        Self { peak, ..self }
    }

    /// The peak; `None` while no connect has ended.
    pub fn peak(self) -> Option<Duration> {
        (self.peak > 0.0).then(|| Duration::from_secs_f32(self.peak / 1e6))
    }

    /// The mean; `None` while no connect has succeeded.
    pub fn mean(self) -> Option<Duration> {
        (self.mean > 0.0).then(|| Duration::from_secs_f32(self.mean / 1e6))
    }

    /// Cost of choosing an endpoint that has `live` connections, in microseconds: the peak times the connections with the new
    /// one. An endpoint without a sample costs least, so that it is tried soon.
    pub fn cost(self, live: usize) -> f32 {
        self.peak.max(1.0) * (live + 1) as f32
    }
}

fn micros(time: Duration) -> f32 {
    (time.as_secs_f32() * 1e6).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_mean_follows_an_eighth_of_each_sample() {
        let first = ConnectTime::default().after_success(ms(0), ms(8));
        assert_eq!((ConnectTime::default().mean(), first.mean()), (None, Some(ms(8))));
        let mean = first.after_success(ms(1), ms(16)).mean().unwrap();
        assert!(mean.abs_diff(ms(9)) < Duration::from_micros(1), "{mean:?}");
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_with_time() {
        let peak = ConnectTime::default().after_success(ms(0), ms(1)).after_success(ms(1), ms(100));
        assert_eq!(peak.cost(0), 100_000.0);
        let soon = peak.after_success(ms(10), ms(1)).cost(0);
        let later = peak.after_success(ms(30_000), ms(1)).cost(0);
        assert!(soon > 99_000.0 && later < 7_000.0, "{soon} {later}");
    }

    #[test]
    fn busy_and_slow_endpoints_cost_more_and_untried_ones_least() {
        let fast = ConnectTime::default().after_success(ms(0), ms(1));
        assert!(fast.cost(9) > fast.cost(8));
        assert!(fast.cost(0) < ConnectTime::default().after_success(ms(0), ms(2)).cost(0));
        assert!(ConnectTime::default().cost(5) < fast.cost(0));
        assert!(ConnectTime::default().after_failure(ms(0), ms(250)).cost(0) > fast.cost(9));
    }
}
