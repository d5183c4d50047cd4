//! Who gets a place in this process, and what becomes of those who get none?

use super::{descriptor_budget::DescriptorBudget, service_usage::ServiceUsage};
use crate::telemetry::{close_reason::Closed, log_limiter::LogLimiter};
use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use weir_core::{Limits, RateLimiter, fair_share};

/// How many newcomers the whole process refuses in a second, so that a flood costs little; the others wait in the
/// kernel's queue until they are refused, or there is room.
const MAX_REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(1280).expect("is not 0");

/// How long an acceptor pauses at least, and at most, once refusals come too fast. Often and briefly costs timers; for
/// long would leave room unused.
const REFUSAL_PAUSE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(25)..=Duration::from_millis(500);

/// The places of this process, shared by all workers.
#[derive(Debug)]
pub(crate) struct Admission {
    /// What places are made of, beside the limit of connections.
    pub(crate) descriptors: Arc<DescriptorBudget>,
    max_connections: usize,
    refusals: RateLimiter,
    refusal_log: LogLimiter,
    accept_error_log: LogLimiter,
}

impl Admission {
    /// Places for `most` connections.
    pub(crate) fn new(max_connections: usize, descriptors: Arc<DescriptorBudget>) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            descriptors,
            max_connections,
            refusals: RateLimiter::new(now),
            refusal_log: LogLimiter::new(now),
            accept_error_log: LogLimiter::new(now),
        })
    }

    /// How many connections there may be.
    pub(crate) fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// Gives a newcomer a place, or says which limit is reached.
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
        Ok(ConnectionPermit { admission: Arc::clone(self), service, client: None })
    }

    /// Notes that a newcomer was refused; returns how long to refuse nobody.
    pub(crate) fn refused(&self, now: Instant) -> Option<Duration> {
        let wait = self.refusals.reserve(now, weir_core::Quota::per_second(MAX_REFUSALS_PER_SECOND));
        (wait >= *REFUSAL_PAUSE.start()).then(|| wait.min(*REFUSAL_PAUSE.end()))
    }

    /// Whether a refusal may be logged; if so, how many were not.
    pub(crate) fn may_log_refusal(&self, now: Instant) -> Option<u64> {
        self.refusal_log.allows(now)
    }

    /// Whether an accept that failed may be logged; if so, how many were not.
    pub(crate) fn may_log_accept_error(&self, now: Instant) -> Option<u64> {
        self.accept_error_log.allows(now)
    }
}

/// A place, given back when this is dropped. Small, as each connection holds one.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    admission: Arc<Admission>,
    service: ServiceConnection,
    /// The client, if it is counted.
    client: Option<Box<IpAddr>>,
}

impl ConnectionPermit {
    /// Counts it as one of its client's, or says that the client has as many as it may have.
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

/// One of the connections of a Service, until this is dropped.
#[derive(Debug)]
struct ServiceConnection(Arc<ServiceUsage>);

impl ServiceConnection {
    /// Counts one more; returns how many there were before.
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
