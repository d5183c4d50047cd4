//! Which ports may be source ports, as operators write them?

use std::{fmt, num::NonZeroU16, str::FromStr};

/// The lowest port that is not privileged: any program may use it.
pub(super) const FIRST_ORDINARY: u16 = 1024;

/// A range of ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port, not below the first.
    pub last: u16,
}

/// A text that is no range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a port or FIRST-LAST, as in 1024-32767")]
pub struct NotAPortRange;

impl PortRange {
    /// The ports that are used unless the operator names others: those below the range from which most systems take the
    /// ports of programs that ask for none (32768-60999 on Linux, 49152-65535 by RFC 6335).
    pub const DEFAULT_SOURCES: Self = Self { first: FIRST_ORDINARY, last: 32_767 };

    /// Ports for clients whose own port is privileged, which some servers ask for (NFS). Below are those of many services of
    /// the host itself; the kernel's address translation and bindresvport(3) have the same range.
    pub(super) const PRIVILEGED_SOURCES: Self = Self { first: 600, last: FIRST_ORDINARY - 1 };

    /// All ports from which weir speaks in clients' names if these are the ordinary ones; none twice.
    pub fn all_used(ordinary: &[Self]) -> Vec<Self> {
        let mut ranges = [&[Self::PRIVILEGED_SOURCES], ordinary].concat();
        ranges.sort_unstable();
        ranges.dedup_by(|next, range| {
            let overlaps = next.first <= range.last;
            if overlaps {
                range.last = range.last.max(next.last);
            }
            overlaps
        });
        ranges
    }

    /// Whether any port of the range is privileged.
    pub fn has_privileged(self) -> bool {
        self.first < FIRST_ORDINARY
    }
}

impl FromStr for PortRange {
    type Err = NotAPortRange;

    fn from_str(text: &str) -> Result<Self, NotAPortRange> {
        let port =
            |text: &str| text.trim().parse::<NonZeroU16>().map(NonZeroU16::get).map_err(|_| NotAPortRange);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self { first: port(first)?, last: port(last)? };
        if range.first <= range.last { Ok(range) } else { Err(NotAPortRange) }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(first: u16, last: u16) -> PortRange {
        PortRange { first, last }
    }

    proptest! {
        #[test]
        fn a_range_is_read_as_it_is_written(first in 1_u16.., last in 1_u16..) {
            let range = range(first.min(last), first.max(last));
            prop_assert_eq!(range.to_string().parse(), Ok(range));
        }
    }

    #[test]
    fn ranges_in_use_do_not_overlap() {
        let used = PortRange::all_used(&[range(3000, 4000), range(2000, 3000), range(5000, 6000)]);
        assert_eq!(used, [PortRange::PRIVILEGED_SOURCES, range(2000, 4000), range(5000, 6000)]);
    }

    #[test]
    fn what_is_no_range_is_said_so() {
        for wrong in ["", "0", "2-1", "1-65536", "a-b", "1-2-3", "-", "5-"] {
            assert_eq!(wrong.parse::<PortRange>(), Err(NotAPortRange), "{wrong}");
        }
        assert_eq!(" 1024 - 32767 ".parse(), Ok(PortRange::DEFAULT_SOURCES));
    }
}
