//! Which clients get a permit for a connection, and how are the others refused?

use super::{descriptor_budget::DescriptorBudget, service_usage::ServiceUsage};
use crate::telemetry::{close_reason::Closed, log_limiter::LogLimiter};
use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use weir_core::{Limits, RateLimiter, fair_share};

/// Newcomers that the whole process refuses in a second at most, so that a flood costs little. Others wait in the
/// kernel's accept queues.
const MAX_REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1280).expect("is not 0");

/// Shortest and longest pause of an acceptor when refusals come too fast. Short pauses cost timers; long ones leave
/// room unused.
const REFUSAL_PAUSE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(25)..=Duration::from_millis(500);

/// Admission of connections to this process, as one worker holds it: what is counted is shared by all workers, the
/// reference counts that each permit and flow moves are the worker's own.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Budget from which each connection takes two descriptors.
    pub(crate) descriptors: Arc<DescriptorBudget>,
    max_connections: usize,
    refusals: Arc<Refusals>,
}

/// What all workers know of clients that were refused.
#[derive(Debug)]
struct Refusals {
    rate: RateLimiter,
    log: LogLimiter,
    accept_error_log: LogLimiter,
}

impl Admission {
    /// Admits at most `max_connections` at a time.
    pub(crate) fn new(max_connections: usize, descriptors: Arc<DescriptorBudget>) -> Arc<Self> {
        let now = Instant::now();
        let refusals = Refusals {
            rate: RateLimiter::new(now),
            log: LogLimiter::new(now),
            accept_error_log: LogLimiter::new(now),
        };
        Arc::new(Self { descriptors, max_connections, refusals: Arc::new(refusals) })
    }

    /// The same admission for another worker.
    pub(crate) fn for_worker(&self) -> Arc<Self> {
        let (descriptors, refusals) = (self.descriptors.for_worker(), Arc::clone(&self.refusals));
        Arc::new(Self { descriptors, max_connections: self.max_connections, refusals })
    }

    /// Connections that there may be at a time.
    pub(crate) fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// Gives a newcomer a permit, or fails with the limit that is reached.
    pub(crate) fn admit(
        self: &Arc<Self>,
        service: &Arc<ServiceUsage>,
        limits: &Limits,
    ) -> Result<ConnectionPermit, Closed> {
        let (service, own) = ServiceConnection::one_more(service);
        if limits.connections.is_some_and(|max| own >= max.get() as usize) {
            return Err(Closed::ServiceLimit);
        }
        let admits =
            |live, room| fair_share::admits(own, self.max_connections.saturating_sub(live).min(room));
        if !self.descriptors.begin_connection(admits) {
            return Err(Closed::OverCapacity);
        }
        service.0.note(own + 1);
        Ok(ConnectionPermit { admission: Arc::clone(self), service, client: None })
    }

    /// Counts a refused newcomer; returns for how long to refuse nobody, if refusals come too fast.
    pub(crate) fn refused(&self, now: Instant) -> Option<Duration> {
        let wait = self.refusals.rate.reserve(now, weir_core::Quota::per_second(MAX_REFUSALS_PER_SECOND));
        (wait >= *REFUSAL_PAUSE.start()).then(|| wait.min(*REFUSAL_PAUSE.end()))
    }

    /// Whether a refusal may be logged: `Some` with the number of refusals that were not.
    pub(crate) fn may_log_refusal(&self, now: Instant) -> Option<u64> {
        self.refusals.log.allows(now)
    }

    /// Whether a failed accept may be logged: `Some` with the number of failures that were not.
    pub(crate) fn may_log_accept_error(&self, now: Instant) -> Option<u64> {
        self.refusals.accept_error_log.allows(now)
    }
}

/// The right to open one connection, given back on drop. Small, as each connection holds one.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    admission: Arc<Admission>,
    service: ServiceConnection,
    /// Client in whose count the connection is; `None` without a limit per client.
    client: Option<Box<IpAddr>>,
}

impl ConnectionPermit {
    /// Counts the connection for its client; fails if the client has as many as are allowed.
    pub(crate) fn count_client(&mut self, limits: &Limits, client: IpAddr) -> Result<(), Closed> {
        let Some(max) = limits.connections_per_client else { return Ok(()) };
        self.client = Some(Box::new(client));
        if self.service.0.clients.add(client, max) { Ok(()) } else { Err(Closed::ClientLimit) }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.admission.descriptors.end_connection();
        if let Some(client) = &self.client {
            self.service.0.clients.remove(**client);
        }
    }
}

/// One connection in the count of its Service, until dropped.
#[derive(Debug)]
struct ServiceConnection(Arc<ServiceUsage>);

impl ServiceConnection {
    /// Counts a connection; returns the number of others.
    fn one_more(service: &Arc<ServiceUsage>) -> (Self, usize) {
        let before = service.connections.fetch_add(1, Relaxed);
        (Self(Arc::clone(service)), before)
    }
}

impl Drop for ServiceConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests;
