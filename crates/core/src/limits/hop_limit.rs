//! How many hops may a packet still take? (TTL of IPv4, hop limit of IPv6)
//!
//! A packet to an endpoint has one hop less than the client's packet had, as behind a router (semantics M6). What goes round between nodes
//! comes to an end by that, whoever the nodes are: nothing has to know them.

use std::num::NonZeroU8;

/// Hops that another attempt may take at most, before they are halved. Clients of some systems begin with 255.
const MAX_RETRY_HOPS: u8 = 64;

/// Hops that another attempt needs at least: endpoints of a cluster are nearer.
const MIN_RETRY_HOPS: u8 = 8;

/// Hops that a packet may still take when it leaves this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HopLimit(NonZeroU8);

impl HopLimit {
    /// The hop limit of a packet that follows from one that arrived with `received`; `None` if that has used up its hops.
    pub fn after(received: u8) -> Option<Self> {
        received.checked_sub(1).and_then(NonZeroU8::new).map(Self)
    }

    /// Number of hops.
    pub fn get(self) -> u8 {
        self.0.get()
    }

    /// The hop limit of another attempt, after an endpoint has accepted a connection and reset it; `None` if there should
    /// be none.
    ///
    /// The endpoint may have been a proxy that tries others, too: where connections go round, each hop would multiply
    /// them. With half as many hops for each further attempt they remain a few thousand at worst.
    #[must_use]
    pub fn of_retry(self) -> Option<Self> {
        let half = self.get().min(MAX_RETRY_HOPS) / 2;
        NonZeroU8::new(half).filter(|half| half.get() >= MIN_RETRY_HOPS).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_has_one_hop_less_than_the_one_before_and_the_last_hop_has_none() {
        let after = |received| HopLimit::after(received).map(HopLimit::get);
        assert_eq!([255, 64, 2, 1, 0].map(after), [Some(254), Some(63), Some(1), None, None]);
    }

    /// Connections that one client causes at most where every hop tries endpoints as often as it may, and all of them lead
    /// on: itself, and what follows from each attempt.
    fn connections(received: u8, known: &mut [Option<u64>; 256]) -> u64 {
        if let Some(known) = known[usize::from(received)] {
            return known;
        }
        let mut count = 1;
        let mut next = HopLimit::after(received);
        while let Some(hop_limit) = next {
            count += connections(hop_limit.get(), known);
            next = hop_limit.of_retry();
        }
        known[usize::from(received)] = Some(count);
        count
    }

    #[test]
    fn a_loop_of_many_endpoints_that_all_reset_multiplies_no_connection_without_bound() {
        let known = &mut [None; 256];
        assert_eq!(connections(16, known), 16, "the last hops try once");
        assert!(connections(64, known) < 10_000 && connections(255, known) < 100_000);
    }
}
