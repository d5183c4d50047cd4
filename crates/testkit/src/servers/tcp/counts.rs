//! What has a TCP server seen?

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::servers::counter::Counter;

/// How many of the newest clients' addresses are kept: benchmarks open millions of connections.
const MAX_PEERS: usize = 65_536;

/// Counts of one server, shared by its connections.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: Counter,
    pub(super) open: Counter,
    /// Bytes read.
    pub(super) received: Counter,
    /// Bytes written.
    pub(super) sent: Counter,
    /// Addresses of clients, oldest first.
    peers: Mutex<VecDeque<SocketAddr>>,
}

impl Counts {
    pub(super) fn peers(&self) -> MutexGuard<'_, VecDeque<SocketAddr>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember(&self, peer: SocketAddr) {
        let mut peers = self.peers();
        if peers.len() == MAX_PEERS {
            peers.pop_front();
        }
        peers.push_back(peer);
    }
}

/// One connection's share of the `open` count, given back when dropped.
pub(super) struct OpenConnection(pub(super) Arc<Counts>);

impl OpenConnection {
    pub(super) fn new(counts: &Arc<Counts>) -> Self {
        counts.open.add(1);
        Self(Arc::clone(counts))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.subtract_one();
    }
}
