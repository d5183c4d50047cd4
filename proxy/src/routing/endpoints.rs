//! What is known of every endpoint? One entry for each address and protocol, whichever Services use it.

use super::self_addresses::SelfAddresses;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Instant,
};
use weir_core::{Frontend, HealthChanges, Load, Protocol};

/// Endpoints from which on the unused ones are looked for at each new endpoint, not only once a minute.
const MIN_SWEEP_ENDPOINTS: usize = 1024;

/// Loads of all endpoints in use. An entry lives as long as a routing table or a connection refers to it, so that an
/// endpoint which leaves and comes back while it has connections keeps its count, and stays ejected.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    loads: HashMap<(Protocol, SocketAddr), Weak<Load>>,
    /// Number of endpoints that were in use at the last sweep.
    in_use: usize,
    standings: Arc<HealthChanges>,
    unserved: Arc<HealthChanges>,
    self_addresses: SelfAddresses,
}

impl Endpoints {
    /// The load of an endpoint.
    pub(crate) fn load(&mut self, protocol: Protocol, address: SocketAddr) -> Arc<Load> {
        if self.loads.len() >= MIN_SWEEP_ENDPOINTS {
            self.sweep();
        }
        let entry = self.loads.entry((protocol, address)).or_default();
        entry.upgrade().unwrap_or_else(|| {
            let load = Arc::new(Load::new(&self.standings));
            load.set_forbidden(self.self_addresses.contains(protocol, address));
            load.mark_changed(Instant::now());
            *entry = Arc::downgrade(&load);
            load
        })
    }

    /// Counter of the changes of endpoints' health.
    pub(crate) fn standings(&self) -> &Arc<HealthChanges> {
        &self.standings
    }

    /// Counter of how often Service ports began and ceased to leave clients unserved.
    pub(crate) fn unserved(&self) -> &Arc<HealthChanges> {
        &self.unserved
    }

    /// Whether something uses the endpoint.
    pub(crate) fn contains(&self, protocol: Protocol, address: SocketAddr) -> bool {
        self.loads.get(&(protocol, address)).is_some_and(|load| load.strong_count() > 0)
    }

    /// Records the Service address that this proxy serves at `listen`, `None` if no socket is open there. Endpoints at
    /// these addresses are forbidden meanwhile.
    pub(crate) fn update_self_address(&mut self, listen: Frontend, frontend: Option<SocketAddr>) {
        for address in self.self_addresses.update(listen, frontend) {
            if let Some(load) = self.loads.get(&(listen.protocol, address)).and_then(Weak::upgrade) {
                load.set_forbidden(self.self_addresses.contains(listen.protocol, address));
            }
        }
    }

    /// Forgets endpoints that nothing refers to, once they may be half of all: a large cluster has so many endpoints
    /// that looking at all of them for the sake of a few would delay changes.
    pub(crate) fn sweep(&mut self) {
        if self.loads.len() > 2 * self.in_use {
            self.loads.retain(|_, load| load.strong_count() > 0);
            self.in_use = self.loads.len();
            self.loads.shrink_to(2 * self.in_use);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_forbidden_while_this_proxy_serves_its_address_whichever_comes_first() {
        let mut endpoints = Endpoints::default();
        let address = SocketAddr::from(([10, 96, 0, 10], 80));
        let listen = Frontend { protocol: Protocol::Tcp, address };
        let before = endpoints.load(Protocol::Tcp, address);
        let datagrams = endpoints.load(Protocol::Udp, address);
        endpoints.update_self_address(listen, Some(address));
        assert!(before.is_forbidden() && !datagrams.is_forbidden());
        endpoints.update_self_address(listen, None);
        assert!(!before.is_forbidden());
        drop(before);
        endpoints.update_self_address(listen, Some(address));
        assert!(endpoints.load(Protocol::Tcp, address).is_forbidden());
    }

    #[test]
    fn services_share_the_load_of_an_endpoint_and_it_outlives_snapshots() {
        let mut endpoints = Endpoints::default();
        let address = SocketAddr::from(([10, 0, 0, 1], 80));
        let connection = endpoints.load(Protocol::Tcp, address).lease();
        endpoints.sweep();
        assert_eq!(endpoints.load(Protocol::Tcp, address).live(), 1);
        assert_eq!(endpoints.load(Protocol::Udp, address).live(), 0);
        drop(connection);
        assert_eq!(endpoints.load(Protocol::Tcp, address).live(), 0);
    }

    #[test]
    fn endpoints_that_come_and_go_faster_than_anybody_sweeps_do_not_pile_up() {
        let mut endpoints = Endpoints::default();
        for number in 0..100 * MIN_SWEEP_ENDPOINTS as u32 {
            endpoints.load(Protocol::Tcp, SocketAddr::from((std::net::Ipv4Addr::from(number), 80)));
            assert!(endpoints.loads.len() <= MIN_SWEEP_ENDPOINTS);
        }
    }

    #[test]
    fn of_many_endpoints_that_come_and_go_no_more_are_kept_than_twice_those_in_use() {
        let mut endpoints = Endpoints::default();
        let address = |number: u16| SocketAddr::from(([10, 0, 0, 1], number));
        let held: Vec<_> = (1..=10).map(|number| endpoints.load(Protocol::Tcp, address(number))).collect();
        for number in 11..1000 {
            endpoints.load(Protocol::Tcp, address(number));
            endpoints.sweep();
            assert!(endpoints.loads.len() <= 2 * held.len());
        }
        assert!((1..=10).all(|number| endpoints.loads.contains_key(&(Protocol::Tcp, address(number)))));
    }
}
