//! How is a factor that a user wrote, such as 1.5, read and applied?

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A factor from 1 to 100, exact to a thousandth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ratio(u32);

impl Ratio {
    const ONE: u32 = 1000;
    const MAX: f64 = 100.0;

    /// The product with `count`, rounded down.
    pub fn of(self, count: usize) -> usize {
        count.saturating_mul(self.0 as usize) / Self::ONE as usize
    }
}

impl From<Ratio> for u32 {
    /// The factor in thousandths.
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

impl TryFrom<u32> for Ratio {
    type Error = NotARatio;

    fn try_from(thousandths: u32) -> Result<Self, NotARatio> {
        let most = Self::MAX as u32 * Self::ONE;
        if (Self::ONE..=most).contains(&thousandths) { Ok(Self(thousandths)) } else { Err(NotARatio) }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / f64::from(Self::ONE))
    }
}

impl FromStr for Ratio {
    type Err = NotARatio;

    fn from_str(text: &str) -> Result<Self, NotARatio> {
        let factor: f64 = text.parse().map_err(|_| NotARatio)?;
        if (1.0..=Self::MAX).contains(&factor) {
            Ok(Self((factor * f64::from(Self::ONE)).round() as u32))
        } else {
            Err(NotARatio)
        }
    }
}

/// The error of a text that is no factor from 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 1 to 100 such as 1.5")]
pub struct NotARatio;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_read_to_a_thousandth_and_applied_exactly() {
        for (text, of_ten) in [("1", 10), ("1.5", 15), ("1.2345", 12), ("100", 1000)] {
            assert_eq!(text.parse::<Ratio>().map(|ratio| ratio.of(10)), Ok(of_ten), "{text}");
        }
        assert_eq!("1.5".parse::<Ratio>().unwrap().to_string(), "1.5");
    }

    #[test]
    fn what_is_no_factor_from_1_to_100_is_refused() {
        for text in ["", "0.99", "100.1", "-2", "NaN", "inf", "1,5", "fast"] {
            assert_eq!(text.parse::<Ratio>(), Err(NotARatio), "{text}");
        }
    }
}
