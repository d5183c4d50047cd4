//! How large a share of new connections and flows does an endpoint get?

use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU16, str::FromStr};

/// Share of new connections and flows that an endpoint gets, relative to the other endpoints of its set: 0 to 65535. 0 is
/// maintenance: the endpoint gets nothing new, and what it has goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Weight(u16);

impl Weight {
    /// The weight of an endpoint of which nothing says another one: 100.
    pub const DEFAULT: Self = Self(100);

    /// The weight of an endpoint that gets nothing new: 0.
    pub const MAINTENANCE: Self = Self(0);

    /// The weight of this number.
    pub const fn new(weight: u16) -> Self {
        Self(weight)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The weight in a choice among endpoints; `None` in maintenance, when the endpoint takes no part in it.
    pub const fn in_choice(self) -> Option<NonZeroU16> {
        NonZeroU16::new(self.0)
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Weight {
    type Err = NotAWeight;

    fn from_str(text: &str) -> Result<Self, NotAWeight> {
        // `parse` would take a sign.
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_number).map(Self).ok_or(NotAWeight)
    }
}

/// The error of a text that is no [`Weight`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 0 to 65535")]
pub struct NotAWeight;

/// Why an endpoint's weight is not the one that its EndpointSlice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overridden {
    /// An operator drains the endpoint, or its node.
    Drained,
    /// An operator has set the weight.
    Weighted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_a_whole_number_of_sixteen_bits_and_nothing_else() {
        for (text, number) in [("0", 0), ("1", 1), ("100", 100), ("65535", 65_535), ("007", 7)] {
            assert_eq!(text.parse(), Ok(Weight::new(number)));
        }
        for wrong in ["", "-1", "+1", "65536", "1.5", "1e2", " 1", "ten", &"9".repeat(10_000)] {
            assert_eq!(wrong.parse::<Weight>(), Err(NotAWeight), "{wrong}");
        }
    }

    #[test]
    fn only_weight_0_takes_no_part_in_a_choice() {
        assert_eq!(Weight::MAINTENANCE.in_choice(), None);
        assert_eq!(Weight::default().in_choice(), NonZeroU16::new(100));
    }
}
