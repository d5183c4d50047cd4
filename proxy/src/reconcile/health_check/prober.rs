//! How is one endpoint checked? By connecting to it from time to time.

use crate::{
    shared::connect_fault::ConnectFault,
    sys::{
        host, self_connect,
        socket::{Egress, tcp_connecting},
    },
};
use metrics::{Counter, Gauge};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{
    io::Interest,
    net::TcpStream,
    sync::{Semaphore, watch},
    time::{Instant, sleep_until, timeout},
};
use weir_core::{ActiveCheck, ConnectFailure, Health, HealthTracker, Load, PortKey};

/// Checks that are made at the same time at most.
const MAX_CONCURRENT_CHECKS: usize = 64;

const RESULTS: &str = "weir_health_checks_total";

/// Permits and metrics that all probers have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// Permits for checks that are made at the same time.
    pub(super) permits: Semaphore,
    egress: Egress<'static>,
    succeeded: Counter,
    failed: [Counter; ConnectFailure::ALL.len()],
    /// Checks not made for want of descriptors, ports or memory.
    local_limit: Counter,
    down: Gauge,
}

impl Shared {
    /// Registers the metrics. Connects leave this host as `egress` says.
    pub(super) fn new(egress: Egress<'static>) -> Arc<Self> {
        let counter = |result: &'static str| metrics::counter!(RESULTS, "result" => result);
        // Descriptors of checks come from what connections leave to others, an eighth of the limit, of which half is
        // enough.
        let concurrent = (host::descriptor_limit() / 16).clamp(4, MAX_CONCURRENT_CHECKS);
        Arc::new(Self {
            permits: Semaphore::new(concurrent),
            egress,
            succeeded: counter("succeeded"),
            failed: ConnectFailure::ALL.map(|failure| counter(failure.as_str())),
            local_limit: counter("local_limit"),
            down: metrics::gauge!("weir_endpoints_down"),
        })
    }
}

/// Settings of the checks of an endpoint, and the Service port that is logged: of all that want the checks the first by
/// name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CheckTerms {
    pub(super) check: ActiveCheck,
    pub(super) service: PortKey,
}

/// Checks one endpoint. Dropping the prober makes the endpoint count as up.
pub(super) struct Prober {
    endpoint: SocketAddr,
    load: Arc<Load>,
    shared: Arc<Shared>,
    checked: HealthTracker,
}

impl Prober {
    pub(super) fn new(endpoint: SocketAddr, load: Arc<Load>, shared: Arc<Shared>) -> Self {
        Self { endpoint, load, shared, checked: HealthTracker::default() }
    }

    /// Health of the endpoint by its checks.
    #[cfg(test)]
    pub(super) fn health(&self) -> Health {
        self.checked.health()
    }

    /// Checks again and again, until the sender of `terms` is dropped.
    pub(super) async fn run(mut self, mut terms: watch::Receiver<CheckTerms>) {
        let mut due = Instant::now() + terms.borrow_and_update().check.first(rand::random());
        loop {
            tokio::select! {
                changed = terms.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    due = due.min(Instant::now() + terms.borrow_and_update().check.interval);
                }
                () = sleep_until(due) => {
                    let agreed = terms.borrow().clone();
                    due = Instant::now() + agreed.check.interval;
                    self.check(&agreed).await;
                }
            }
        }
    }

    /// Checks the endpoint once.
    pub(super) async fn check(&mut self, terms: &CheckTerms) {
        // The endpoint is this proxy itself.
        if self.load.is_forbidden() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let Ok(_permit) = shared.permits.acquire().await else { return };
        let failure = match timeout(terms.check.timeout(), connect(self.endpoint, shared.egress)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => match ConnectFault::of(&error) {
                ConnectFault::Endpoint(failure) => Some(failure),
                ConnectFault::Loop => return,
                // What this host lacks says nothing about the endpoint.
                ConnectFault::Host | ConnectFault::SourcePorts => return shared.local_limit.increment(1),
            },
            Err(_) => Some(ConnectFailure::TimedOut),
        };
        self.record(terms, failure);
    }

    /// Records the result of a check.
    fn record(&mut self, terms: &CheckTerms, failure: Option<ConnectFailure>) {
        let Self { endpoint, load, shared, checked } = self;
        failure.map_or(&shared.succeeded, |failure| &shared.failed[failure as usize]).increment(1);
        if let Some(failure) = failure {
            load.check_failed(failure);
        }
        let Some(before) = checked.record(&terms.check, failure.is_none()) else { return };
        let (from, to, service) = (before.as_str(), checked.health().as_str(), &terms.service);
        let is_down = checked.health() == Health::Down;
        load.set_down(is_down);
        load.mark_changed(Instant::now().into_std());
        tracing::debug!(%endpoint, %service, from, to, "checks have found another health");
        match (before == Health::Down, is_down) {
            (false, true) => shared.down.increment(1.0),
            (true, false) => shared.down.decrement(1.0),
            _ => {}
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        if self.checked.health() == Health::Down {
            self.load.set_down(false);
            self.shared.down.decrement(1.0);
        }
    }
}

/// Connects and resets the connection, which leaves no socket behind in TIME_WAIT.
pub(super) async fn connect(endpoint: SocketAddr, egress: Egress<'_>) -> io::Result<()> {
    let stream = TcpStream::from_std(tcp_connecting(endpoint, egress)?)?;
    stream.set_zero_linger()?;
    stream.ready(Interest::WRITABLE | Interest::ERROR).await?;
    let error = stream.take_error()?.or_else(|| self_connect::refusal(&stream, endpoint));
    error.map_or(Ok(()), Err)
}
