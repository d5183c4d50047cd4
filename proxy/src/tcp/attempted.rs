//! Which endpoints has a connection tried?

use crate::routing::port_runtime::Selected;
use std::{net::SocketAddr, time::Duration};
use weir_core::{Load, MAX_CONNECT_ATTEMPTS};

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

/// The endpoint of a failed attempt, and the time until the failure.
pub(super) struct FailedAttempt<'a> {
    pub(super) address: SocketAddr,
    pub(super) load: &'a Load,
    pub(super) took: Duration,
}

impl<'a> FailedAttempt<'a> {
    pub(super) fn of(selected: &'a Selected, took: Duration) -> Self {
        Self { address: selected.address, load: selected.lease.load(), took }
    }
}
