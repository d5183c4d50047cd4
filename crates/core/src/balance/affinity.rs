//! Which endpoint did a client land on before? (ClientIP affinity, semantics F1-F6)

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// How many endpoints are remembered for one client. One is normal; a second appears when the client uses both the
/// cluster-wide and the node-local list of a port.
const MAX_ENTRIES: usize = 4;

/// What one Service port remembers of one client address.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: SocketAddr,
    last: Instant,
    epoch: u64,
}

impl Memory {
    /// The remembered endpoint that comes first in the list in use, if any (semantics F4).
    ///
    /// `place` says where an endpoint stands in that list and since which epoch it has been reachable without a
    /// gap. What was remembered before that epoch is forgotten: the endpoint left and came back.
    pub fn recall(
        &self,
        now: Instant,
        timeout: Duration,
        place: impl Fn(SocketAddr) -> Option<(usize, u64)>,
    ) -> Option<SocketAddr> {
        let live = self.entries.iter().filter(|entry| !entry.is_expired(now, timeout));
        let placed = live.filter_map(|entry| {
            let (position, since) = place(entry.address)?;
            (entry.epoch >= since).then_some((position, entry.address))
        });
        placed.min_by_key(|&(position, _)| position).map(|(_, address)| address)
    }

    /// Notes that a new connection landed on `address` in `epoch`. Each one restarts the time-out (semantics F3).
    pub fn remember(&mut self, address: SocketAddr, now: Instant, epoch: u64) {
        let entry = Entry { address, last: now, epoch };
        if let Some(known) = self.entries.iter_mut().find(|entry| entry.address == address) {
            *known = entry;
        } else if self.entries.len() < MAX_ENTRIES {
            self.entries.push(entry);
        } else if let Some(oldest) = self.entries.iter_mut().min_by_key(|entry| entry.last) {
            *oldest = entry;
        }
    }

    /// Forgets endpoints that could not be reached or have no room, so that the client is not sent there again.
    pub fn forget(&mut self, unwelcome: impl Fn(SocketAddr) -> bool) {
        self.entries.retain(|entry| !unwelcome(entry.address));
    }

    /// Whether nothing in here counts any more.
    pub fn is_expired(&self, now: Instant, timeout: Duration) -> bool {
        self.entries.iter().all(|entry| entry.is_expired(now, timeout))
    }
}

impl Entry {
    fn is_expired(&self, now: Instant, timeout: Duration) -> bool {
        now.saturating_duration_since(self.last) >= timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 80))
    }

    /// A list of endpoints 1, 2, 3, all reachable since epoch 0.
    fn listed(address: SocketAddr) -> Option<(usize, u64)> {
        (1u8..=3).position(|last| self::address(last) == address).map(|position| (position, 0))
    }

    #[test]
    fn each_new_connection_restarts_the_time_out() {
        let start = Instant::now();
        let mut memory = Memory::default();
        memory.remember(address(2), start, 0);
        memory.remember(address(2), start + Duration::from_secs(9), 0);
        assert_eq!(memory.recall(start + Duration::from_secs(18), TIMEOUT, listed), Some(address(2)));
        assert_eq!(memory.recall(start + Duration::from_secs(19), TIMEOUT, listed), None);
        assert!(memory.is_expired(start + Duration::from_secs(19), TIMEOUT));
    }

    #[test]
    fn the_first_in_list_order_wins() {
        let now = Instant::now();
        let mut memory = Memory::default();
        memory.remember(address(3), now, 0);
        memory.remember(address(1), now, 0);
        assert_eq!(memory.recall(now, TIMEOUT, listed), Some(address(1)));
    }

    #[test]
    fn an_endpoint_that_left_the_list_is_not_used() {
        let now = Instant::now();
        let mut memory = Memory::default();
        memory.remember(address(9), now, 0);
        assert_eq!(memory.recall(now, TIMEOUT, listed), None);
    }

    #[test]
    fn an_endpoint_that_left_and_came_back_is_forgotten() {
        let now = Instant::now();
        let mut memory = Memory::default();
        memory.remember(address(1), now, 3);
        assert_eq!(memory.recall(now, TIMEOUT, |_| Some((0, 4))), None);
        assert_eq!(memory.recall(now, TIMEOUT, |_| Some((0, 3))), Some(address(1)));
    }

    #[test]
    fn memory_of_one_client_is_bounded() {
        let now = Instant::now();
        let mut memory = Memory::default();
        for last in 0..100 {
            memory.remember(address(last), now + Duration::from_millis(last.into()), 0);
        }
        assert_eq!(memory.entries.len(), MAX_ENTRIES);
        assert!(memory.entries.iter().any(|entry| entry.address == address(99)));
    }
}
