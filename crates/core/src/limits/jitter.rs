//! How does a random number shorten a time, so that what began together does not end together?

use std::time::Duration;

/// A part of `time`, from nothing to all. `entropy` is uniform over all its values, and so is the part.
pub(crate) fn part_of(time: Duration, entropy: u32) -> Duration {
    time.mul_f64(fraction(entropy))
}

/// `entropy` as a fraction, from 0 to 1, both included.
pub(crate) fn fraction(entropy: u32) -> f64 {
    f64::from(entropy) / f64::from(u32::MAX)
}
