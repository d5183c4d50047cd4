//! Which endpoint did a client land on before? (ClientIP affinity, semantics F1-F6)

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Endpoints that are remembered for one client at most. One is normal; a second appears when a client uses both the
/// cluster-wide and the node-local list of a port.
const MAX_ENDPOINTS: usize = 4;

/// The endpoints that one client address landed on at one Service port.
#[derive(Clone, Debug, Default)]
pub struct AffinityEntry {
    landings: Vec<Landing>,
}

/// One endpoint that a client landed on.
#[derive(Clone, Copy, Debug)]
struct Landing {
    address: SocketAddr,
    /// When the client's last connection to the endpoint began.
    last: Instant,
    /// The epoch of the routing table that gave the endpoint.
    epoch: u64,
}

impl AffinityEntry {
    /// The remembered endpoint that comes first in the list in use; `None` if none is in the list (semantics F4).
    ///
    /// `position_of` gives an endpoint's position in the list and the epoch since which it has been reachable without a gap.
    /// A landing before that epoch does not count: the endpoint left and came back.
    pub fn recall(
        &self,
        now: Instant,
        timeout: Duration,
        position_of: impl Fn(SocketAddr) -> Option<(usize, u64)>,
    ) -> Option<SocketAddr> {
        let live = self.landings.iter().filter(|landing| !landing.is_expired(now, timeout));
        let listed = live.filter_map(|landing| {
            let (position, since) = position_of(landing.address)?;
            (landing.epoch >= since).then_some((position, landing.address))
        });
        listed.min_by_key(|&(position, _)| position).map(|(_, address)| address)
    }

    /// Records that a new connection landed on `address` in `epoch`, which restarts the time-out (semantics F3). Of too many
    /// endpoints the one with the oldest landing is forgotten.
    pub fn remember(&mut self, address: SocketAddr, now: Instant, epoch: u64) {
        let landing = Landing { address, last: now, epoch };
        if let Some(known) = self.landings.iter_mut().find(|other| other.address == address) {
            *known = landing;
        } else if self.landings.len() < MAX_ENDPOINTS {
            self.landings.push(landing);
        } else if let Some(oldest) = self.landings.iter_mut().min_by_key(|landing| landing.last) {
            *oldest = landing;
        }
    }

    /// Forgets the endpoints for which `is_unwelcome` holds: they could not be reached or are full.
    pub fn forget(&mut self, is_unwelcome: impl Fn(SocketAddr) -> bool) {
        self.landings.retain(|landing| !is_unwelcome(landing.address));
    }

    /// Whether no landing is younger than `timeout`, so that the entry may be dropped.
    pub fn is_expired(&self, now: Instant, timeout: Duration) -> bool {
        self.landings.iter().all(|landing| landing.is_expired(now, timeout))
    }
}

impl Landing {
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
        let mut entry = AffinityEntry::default();
        entry.remember(address(2), start, 0);
        entry.remember(address(2), start + Duration::from_secs(9), 0);
        assert_eq!(entry.recall(start + Duration::from_secs(18), TIMEOUT, listed), Some(address(2)));
        assert_eq!(entry.recall(start + Duration::from_secs(19), TIMEOUT, listed), None);
        assert!(entry.is_expired(start + Duration::from_secs(19), TIMEOUT));
    }

    #[test]
    fn the_first_in_list_order_wins() {
        let now = Instant::now();
        let mut entry = AffinityEntry::default();
        entry.remember(address(3), now, 0);
        entry.remember(address(1), now, 0);
        assert_eq!(entry.recall(now, TIMEOUT, listed), Some(address(1)));
    }

    #[test]
    fn an_endpoint_that_left_the_list_is_not_used() {
        let now = Instant::now();
        let mut entry = AffinityEntry::default();
        entry.remember(address(9), now, 0);
        assert_eq!(entry.recall(now, TIMEOUT, listed), None);
    }

    #[test]
    fn an_endpoint_that_left_and_came_back_is_forgotten() {
        let now = Instant::now();
        let mut entry = AffinityEntry::default();
        entry.remember(address(1), now, 3);
        assert_eq!(entry.recall(now, TIMEOUT, |_| Some((0, 4))), None);
        assert_eq!(entry.recall(now, TIMEOUT, |_| Some((0, 3))), Some(address(1)));
    }

    #[test]
    fn memory_of_one_client_is_bounded() {
        let now = Instant::now();
        let mut entry = AffinityEntry::default();
        for last in 0..100 {
            entry.remember(address(last), now + Duration::from_millis(last.into()), 0);
        }
        assert_eq!(entry.landings.len(), MAX_ENDPOINTS);
        assert!(entry.landings.iter().any(|landing| landing.address == address(99)));
    }
}
