//! Which number stands for many?

use std::time::Duration;

/// The middle of these numbers; between two middle ones, their mean. `None` of no numbers.
pub fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let (lower, upper) = (numbers.get(numbers.len().checked_sub(1)? / 2)?, numbers.get(numbers.len() / 2)?);
    Some((lower + upper) / 2.0)
}

/// The time that `percent` of a hundred times are not above, of times in any order; zero of no times.
pub fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_between_the_two_middle_ones() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_percentile_is_one_of_the_figures() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        let percentiles = [50, 99, 100].map(|percent| percentile(&times, percent).as_millis());
        assert_eq!(percentiles, [100, 198, 200]);
        assert_eq!(percentile(&[], 50), Duration::ZERO);
        assert_eq!(percentile(&times[..1], 1).as_millis(), 200);
    }
}
