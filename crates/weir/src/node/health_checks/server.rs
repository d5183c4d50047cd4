//! Where do load balancers ask whether this node has endpoints of a Service? Health-check node ports (semantics H1, H5).
//!
//! One task owns all ports: it opens, closes and changes them as Snapshots come, and answers whoever connects. However many
//! ports there are, they share one bounded number of connections.

use super::{
    desired_reports::DesiredReports,
    ports::{AcceptedClient, HealthCheckPorts},
};
use crate::{
    health::ClockReading,
    http::{Connections, Probes},
};
use std::{net::IpAddr, sync::Arc};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use weir_core::Snapshot;
use weir_proxy::DescriptorBudget;

/// Accepted clients that may wait for the task.
const MAX_WAITING_CLIENTS: usize = 16;

/// Health-check node ports of this node, closed when dropped.
#[derive(Debug)]
pub(crate) struct HealthChecks {
    desired: watch::Sender<DesiredState>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Snapshot to report about, and the addresses to listen on.
#[derive(Clone, Debug, Default)]
struct DesiredState {
    snapshot: Snapshot,
    addresses: Vec<IpAddr>,
}

impl HealthChecks {
    /// Starts the task without any port. `probes` says whether the proxy is healthy; each port takes a descriptor of the budget.
    /// `accompanied` says whether another weir may have ports.
    pub(crate) fn start(
        probes: Probes,
        descriptors: Arc<DescriptorBudget>,
        accompanied: watch::Receiver<bool>,
    ) -> Self {
        let (desired, seen) = watch::channel(DesiredState::default());
        let stop = CancellationToken::new();
        let (clients, accepted) = mpsc::channel(MAX_WAITING_CLIENTS);
        let server = HealthCheckServer {
            probes,
            desired: DesiredReports::default(),
            ports: HealthCheckPorts::new(clients, descriptors, accompanied),
        };
        let task = tokio::spawn(server.run(seen, accepted, stop.clone()));
        Self { desired, stop, task }
    }

    /// Reports on a Snapshot at these addresses (see `NodePortAddresses::listening`). Returns at once.
    pub(crate) fn apply(&self, snapshot: &Snapshot, addresses: &[IpAddr]) {
        self.desired.send_replace(DesiredState { snapshot: snapshot.clone(), addresses: addresses.to_vec() });
    }

    /// Closes all ports, so that load balancers send elsewhere; returns when all are closed.
    pub(crate) async fn close(&mut self) {
        self.stop.cancel();
        if !self.task.is_finished() {
            let _ = (&mut self.task).await;
        }
    }
}

/// State of the task that owns all ports.
struct HealthCheckServer {
    probes: Probes,
    desired: DesiredReports,
    ports: HealthCheckPorts,
}

impl HealthCheckServer {
    async fn run(
        mut self,
        mut desired: watch::Receiver<DesiredState>,
        mut clients: mpsc::Receiver<AcceptedClient>,
        stop: CancellationToken,
    ) {
        let mut connections = Connections::default();
        let mut next_retry = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                changed = desired.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let DesiredState { snapshot, addresses } = desired.borrow_and_update().clone();
                    let touched = self.desired.update(&snapshot, &addresses);
                    self.ports.settle(&self.desired, &touched).await;
                    let now = Instant::now();
                    if next_retry <= now {
                        next_retry = now + self.ports.retry_after();
                    }
                }
                Some(client) = clients.recv() => self.serve(client, &mut connections),
                () = self.ports.company_changes() => next_retry = Instant::now(),
                () = sleep_until(next_retry), if self.ports.some_failed() => {
                    self.ports.retry(&self.desired);
                    next_retry = Instant::now() + self.ports.retry_after();
                }
            }
        }
        self.ports.close().await;
        connections.finish().await;
    }

    fn serve(&self, AcceptedClient { stream, report, end }: AcceptedClient, connections: &mut Connections) {
        let probes = self.probes.clone();
        let answer = move |_request| {
            let healthy = probes.health().healthy(ClockReading::now());
            std::future::ready(report.get().answer(healthy))
        };
        connections.admit(stream, answer, end);
    }
}

#[cfg(test)]
mod tests;
