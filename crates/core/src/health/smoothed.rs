//! How long does an endpoint take to accept a connection, as far as is known?

use std::time::Duration;

/// How fast a peak is forgotten: after this long a third of it is left.
const DECAY: Duration = Duration::from_secs(10);

/// Connect times of one endpoint, smoothed in two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Smoothed {
    /// Microseconds, smoothed as TCP does with round trips (RFC 6298): an eighth of each new one. 0 is no sample.
    pub(crate) mean: f32,
    /// Microseconds: a longer time counts at once, shorter ones only as time passes (Finagle's "Peak EWMA").
    pub(crate) peak: f32,
}

impl Smoothed {
    /// Takes in a connect that succeeded, `since` after the last one was taken in.
    #[must_use]
    pub fn with(self, since: Duration, took: Duration) -> Self {
        let took = micros(took);
        if self.mean == 0.0 {
            return Self { mean: took, peak: took.max(self.peak) };
        }
        Self { mean: self.mean + (took - self.mean) / 8.0, ..self }.toward(since, took)
    }

    /// Takes in a connect that failed after `took`: whoever balances by it looks elsewhere first.
    #[must_use]
    pub fn with_failure(self, since: Duration, took: Duration) -> Self {
        self.toward(since, micros(took))
    }

    fn toward(self, since: Duration, took: f32) -> Self {
        let kept = (-since.as_secs_f32() / DECAY.as_secs_f32()).exp();
        let peak = if took > self.peak { took } else { self.peak * kept + took * (1.0 - kept) };
        Self { peak, ..self }
    }

    /// The smoothed connect time; `None` while no connect has succeeded.
    pub fn mean(self) -> Option<Duration> {
        (self.mean > 0.0).then(|| Duration::from_secs_f32(self.mean / 1e6))
    }

    /// What it costs to choose an endpoint that has `live` connections: more for a slow one and more for a busy one. One
    /// that was never tried costs least, so that it is.
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
        let first = Smoothed::default().with(ms(0), ms(8));
        assert_eq!((Smoothed::default().mean(), first.mean()), (None, Some(ms(8))));
        let mean = first.with(ms(1), ms(16)).mean().unwrap();
        assert!(mean.abs_diff(ms(9)) < Duration::from_micros(1), "{mean:?}");
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_with_time() {
        let peak = Smoothed::default().with(ms(0), ms(1)).with(ms(1), ms(100));
        assert_eq!(peak.cost(0), 100_000.0);
        let soon = peak.with(ms(10), ms(1)).cost(0);
        let later = peak.with(ms(30_000), ms(1)).cost(0);
        assert!(soon > 99_000.0 && later < 7_000.0, "{soon} {later}");
    }

    #[test]
    fn busy_and_slow_endpoints_cost_more_and_untried_ones_least() {
        let fast = Smoothed::default().with(ms(0), ms(1));
        assert!(fast.cost(9) > fast.cost(8));
        assert!(fast.cost(0) < Smoothed::default().with(ms(0), ms(2)).cost(0));
        assert!(Smoothed::default().cost(5) < fast.cost(0));
        assert!(Smoothed::default().with_failure(ms(0), ms(250)).cost(0) > fast.cost(9));
    }
}
