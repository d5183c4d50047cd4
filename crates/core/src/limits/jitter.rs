//! How does a random number shorten a time, so that what began together does not happen together?

use std::time::Duration;

/// From nothing of `time` to all of it. `entropy` is uniform over all its values, and so is the result.
pub(crate) fn part_of(time: Duration, entropy: u32) -> Duration {
    time.mul_f64(fraction(entropy))
}

/// From 0 to 1, both included.
pub(crate) fn fraction(entropy: u32) -> f64 {
    f64::from(entropy) / f64::from(u32::MAX)
}
