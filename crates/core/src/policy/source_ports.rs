//! From which port does weir speak to an endpoint in a client's name? (semantics M4)
//!
//! The client may use its own port towards the same endpoint directly, now or later. Its own flow must not meet one of
//! weir's, so that weir uses ports which clients hardly ever use for what they begin.

use std::{fmt, num::NonZeroU16, str::FromStr};

/// The lowest port that is not privileged: any program may use it.
const FIRST_ORDINARY: u16 = 1024;

/// Ports for clients whose own port is privileged, which some servers ask for (NFS). Below are those of many services of the
/// host itself; the kernel's address translation and bindresvport(3) have the same range.
const PRIVILEGED: PortRange = PortRange { first: 600, last: 1023 };

/// The most ports tried for one socket. The kernel knows which are in use, and each try costs some microseconds.
const MAX_TRIED: usize = 64;

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

    /// All ports from which weir speaks in clients' names if these are the ordinary ones; none twice.
    pub fn all_used(ordinary: &[Self]) -> Vec<Self> {
        let mut ranges = [&[PRIVILEGED], ordinary].concat();
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

/// The ports for sockets that have a client's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePorts {
    /// Ports for clients whose own port is not privileged.
    ordinary: Box<[u16]>,
    /// Ports for the others.
    privileged: Box<[u16]>,
}

impl Default for SourcePorts {
    fn default() -> Self {
        Self::new(&[PortRange::DEFAULT_SOURCES], &[])
    }
}

impl SourcePorts {
    /// The ports of these ranges but the `reserved` ones. Where nothing would be left, reserved ones are used, too.
    pub fn new(ranges: &[PortRange], reserved: &[PortRange]) -> Self {
        Self { ordinary: ports(ranges, reserved), privileged: ports(&[PRIVILEGED], reserved) }
    }

    /// Ports to try for a client with this port of its own, in an order that `entropy` decides: none twice, never the
    /// client's own, and no more than is sensible. Privileged ones if the client's is privileged.
    pub fn candidates(&self, client: u16, entropy: u64) -> impl Iterator<Item = u16> {
        let is_privileged = (1..FIRST_ORDINARY).contains(&client);
        let ports = if is_privileged { &self.privileged } else { &self.ordinary };
        let count = ports.len() as u64;
        let (start, chance) = (entropy & 0xffff_ffff, entropy >> 32);
        (0..count)
            .filter_map(move |number| {
                // A stride instead of the next port: neighbours of ports in use would soon be in use, too.
                let step = if number == 0 { 0 } else { number * stride(count, chance) };
                ports.get(usize::try_from((start + step) % count).ok()?).copied()
            })
            .filter(move |port| *port != client)
            .take(MAX_TRIED)
    }
}

fn ports(ranges: &[PortRange], reserved: &[PortRange]) -> Box<[u16]> {
    let mut all: Vec<u16> = ranges.iter().flat_map(|range| range.first..=range.last).collect();
    all.sort_unstable();
    all.dedup();
    let is_free = |port: &u16| !reserved.iter().any(|range| (range.first..=range.last).contains(port));
    let free: Box<[u16]> = all.iter().copied().filter(is_free).collect();
    if free.is_empty() { all.into() } else { free }
}

/// A number by which one comes past all of `count` ports, each once: it has no divisor in common with `count`.
fn stride(count: u64, chance: u64) -> u64 {
    let mut stride = 1 + chance % count;
    while greatest_common_divisor(stride, count) != 1 {
        stride += 1;
    }
    stride
}

fn greatest_common_divisor(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn range(first: u16, last: u16) -> PortRange {
        PortRange { first, last }
    }

    proptest! {
        #[test]
        fn candidates_are_in_the_ranges_differ_from_each_other_and_from_the_clients_port(
            first in 1024_u16..=u16::MAX, length in 0_u16..200, client: u16, entropy: u64,
        ) {
            let range = range(first, first.saturating_add(length));
            let ports = SourcePorts::new(&[range], &[]);
            let found: Vec<u16> = ports.candidates(client, entropy).collect();
            let allowed = if (1..1024).contains(&client) { PRIVILEGED } else { range };
            prop_assert!(found.iter().all(|port| (allowed.first..=allowed.last).contains(port)));
            prop_assert!(!found.contains(&client));
            prop_assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
            let others = (allowed.first..=allowed.last).filter(|port| *port != client).count();
            prop_assert_eq!(found.len(), others.min(MAX_TRIED));
        }

        #[test]
        fn no_reserved_port_is_tried_while_another_is_left(
            first in 1024_u16..2000, length in 0_u16..100, client: u16, entropy: u64,
        ) {
            let reserved = range(first, first + length);
            let ports = SourcePorts::new(&[range(1024, 2200)], &[reserved]);
            prop_assert!(ports.candidates(client, entropy).all(|port| !(first..=first + length).contains(&port)));
        }

        #[test]
        fn a_range_is_read_as_it_is_written(first in 1_u16.., last in 1_u16..) {
            let range = range(first.min(last), first.max(last));
            prop_assert_eq!(range.to_string().parse(), Ok(range));
        }
    }

    #[test]
    fn all_ports_are_used_about_equally() {
        let ports = SourcePorts::new(&[range(2000, 2009)], &[]);
        let mut counts = [0_u32; 10];
        for entropy in 0..10_000_u64 {
            // The increment of SplitMix64 spreads the numbers.
            let port = ports.candidates(40_000, entropy.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next().unwrap();
            counts[usize::from(port - 2000)] += 1;
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    }

    #[test]
    fn ports_that_are_all_reserved_are_used_all_the_same() {
        let ports = SourcePorts::new(&[range(2000, 2001)], &[range(1, 65_535)]);
        assert_eq!(ports.candidates(40_000, 0).count(), 2);
        assert_eq!(ports.candidates(111, 0).count(), MAX_TRIED);
    }

    #[test]
    fn ranges_in_use_do_not_overlap() {
        let used = PortRange::all_used(&[range(3000, 4000), range(2000, 3000), range(5000, 6000)]);
        assert_eq!(used, [PRIVILEGED, range(2000, 4000), range(5000, 6000)]);
    }

    #[test]
    fn what_is_no_range_is_said_so() {
        for wrong in ["", "0", "2-1", "1-65536", "a-b", "1-2-3", "-", "5-"] {
            assert_eq!(wrong.parse::<PortRange>(), Err(NotAPortRange), "{wrong}");
        }
        assert_eq!(" 1024 - 32767 ".parse(), Ok(PortRange::DEFAULT_SOURCES));
    }
}
