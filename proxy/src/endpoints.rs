//! What is known of every endpoint? One entry for each address and protocol, whichever Services use it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Weak},
};
use weir_core::{Load, Protocol, Standings};

/// The loads of all endpoints in use. An entry lives as long as a route or a connection holds it, so an endpoint that
/// leaves and comes back while it still has connections keeps its count, and stays ejected.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    loads: HashMap<(Protocol, SocketAddr), Weak<Load>>,
    standings: Arc<Standings>,
}

impl Endpoints {
    /// The load of an endpoint.
    pub(crate) fn load(&mut self, protocol: Protocol, address: SocketAddr) -> Arc<Load> {
        let entry = self.loads.entry((protocol, address)).or_default();
        entry.upgrade().unwrap_or_else(|| {
            let load = Arc::new(Load::new(&self.standings));
            *entry = Arc::downgrade(&load);
            load
        })
    }

    /// Forgets endpoints that nothing holds any more.
    pub(crate) fn sweep(&mut self) {
        self.loads.retain(|_, load| load.strong_count() > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_share_the_load_of_an_endpoint_and_it_outlives_snapshots() {
        let mut endpoints = Endpoints::default();
        let address = SocketAddr::from(([10, 0, 0, 1], 80));
        let connection = endpoints.load(Protocol::Tcp, address).lease();
        endpoints.sweep();
        assert_eq!(endpoints.load(Protocol::Tcp, address).live(), 1);
        assert_eq!(endpoints.load(Protocol::Udp, address).live(), 0);
        drop(connection);
        endpoints.sweep();
        assert!(endpoints.loads.is_empty());
    }
}
