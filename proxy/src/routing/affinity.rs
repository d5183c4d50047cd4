//! Where did each client of a Service port land before? Shared by all workers (semantics F1-F6).

use dashmap::DashMap;
use std::{
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
    time::{Duration, Instant},
};
use weir_core::AffinityEntry;

/// Clients remembered for one Service port at most. Further newcomers are balanced without being remembered.
const MAX_CLIENTS: usize = 131_072;

/// Affinity entries of a Service port, by client. Take memory only once a client was remembered.
#[derive(Debug, Default)]
pub(crate) struct AffinityTable {
    clients: OnceLock<Box<DashMap<IpAddr, AffinityEntry>>>,
}

/// One look-up of a client.
#[derive(Clone, Copy)]
pub(crate) struct Visit {
    pub(crate) client: IpAddr,
    pub(crate) now: Instant,
    pub(crate) timeout: Duration,
    /// Epoch of the routing table in use.
    pub(crate) epoch: u64,
}

impl AffinityTable {
    /// The endpoint that the client landed on before, else the endpoint that `pick` gives, which is remembered from now
    /// on.
    ///
    /// `unwelcome` endpoints are forgotten; `position_of` is that of [`AffinityEntry::recall`]. Look-up and entry are one
    /// step, so that two first connections of a client land on one endpoint.
    pub(crate) fn choose(
        &self,
        visit: Visit,
        unwelcome: impl Fn(SocketAddr) -> bool,
        position_of: impl Fn(SocketAddr) -> Option<(usize, u64)>,
        pick: impl FnOnce() -> Option<SocketAddr>,
    ) -> Option<SocketAddr> {
        let clients = self.clients.get_or_init(Box::default);
        let land = |entry: &mut AffinityEntry| {
            entry.forget(unwelcome);
            let address = entry.recall(visit.now, visit.timeout, position_of).or_else(pick)?;
            entry.remember(address, visit.now, visit.epoch);
            Some(address)
        };
        if let Some(mut entry) = clients.get_mut(&visit.client) {
            return land(&mut entry);
        }
        if clients.len() >= MAX_CLIENTS {
            return land(&mut AffinityEntry::default());
        }
        land(&mut clients.entry(visit.client).or_default())
    }

    /// Remembers the endpoint that won a race of attempts as the only one of the client.
    pub(crate) fn landed(&self, visit: Visit, address: SocketAddr) {
        if let Some(mut entry) = self.clients.get().and_then(|clients| clients.get_mut(&visit.client)) {
            entry.forget(|other| other != address);
            entry.remember(address, visit.now, visit.epoch);
        }
    }

    /// Drops clients whose time-out has passed.
    pub(crate) fn sweep(&self, now: Instant, timeout: Duration) {
        if let Some(clients) = self.clients.get() {
            clients.retain(|_, entry| !entry.is_expired(now, timeout));
        }
    }

    /// Forgets all clients, once affinity is switched off.
    pub(crate) fn clear(&self) {
        if let Some(clients) = self.clients.get() {
            clients.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 9, 9));

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 80))
    }

    fn visit() -> Visit {
        Visit { client: CLIENT, now: Instant::now(), timeout: Duration::from_secs(60), epoch: 0 }
    }

    fn choose(table: &AffinityTable, unwelcome: &[SocketAddr], next: u8) -> Option<SocketAddr> {
        let unwelcome = |address| unwelcome.contains(&address);
        table.choose(visit(), unwelcome, |_| Some((0, 0)), || Some(address(next)))
    }

    #[test]
    fn a_client_comes_back_to_its_endpoint() {
        let table = AffinityTable::default();
        assert_eq!(choose(&table, &[], 1), Some(address(1)));
        assert_eq!(choose(&table, &[], 2), Some(address(1)));
    }

    #[test]
    fn a_client_whose_endpoint_is_unwelcome_is_remembered_at_the_next_one() {
        let table = AffinityTable::default();
        choose(&table, &[], 1);
        assert_eq!(choose(&table, &[address(1)], 2), Some(address(2)));
        assert_eq!(choose(&table, &[], 3), Some(address(2)));
    }

    #[test]
    fn of_endpoints_that_raced_the_client_is_remembered_at_the_one_that_won() {
        let table = AffinityTable::default();
        choose(&table, &[], 1);
        assert_eq!(choose(&table, &[address(1)], 2), Some(address(2)));
        table.landed(visit(), address(1));
        assert_eq!(choose(&table, &[], 3), Some(address(1)));
    }

    #[test]
    fn the_table_is_bounded() {
        let table = AffinityTable::default();
        for client in 0..MAX_CLIENTS as u32 + 10 {
            let visit = Visit { client: IpAddr::V4(client.into()), ..visit() };
            let chosen = table.choose(visit, |_| false, |_| Some((0, 0)), || Some(address(1)));
            assert_eq!(chosen, Some(address(1)));
        }
        assert_eq!(table.clients.get().map(|clients| clients.len()), Some(MAX_CLIENTS));
    }
}
