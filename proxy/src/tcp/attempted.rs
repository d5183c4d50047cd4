//! Which endpoints has a connection tried?

use std::net::SocketAddr;
use weir_core::MAX_CONNECT_ATTEMPTS;

/// The endpoints that a connection has tried, in order.
pub(super) struct Attempted {
    addresses: [SocketAddr; MAX_CONNECT_ATTEMPTS],
    len: usize,
}

impl Attempted {
    pub(super) fn none() -> Self {
        Self { addresses: [SocketAddr::from(([0; 4], 0)); MAX_CONNECT_ATTEMPTS], len: 0 }
    }

    pub(super) fn push(&mut self, address: SocketAddr) {
        if let Some(free) = self.addresses.get_mut(self.len) {
            *free = address;
            self.len += 1;
        }
    }

    pub(super) fn as_slice(&self) -> &[SocketAddr] {
        &self.addresses[..self.len]
    }

    /// Number of endpoints that were tried.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}
