//! What can be asked of a running data plane from any thread? A handle that is cheap to clone.

use super::{
    endpoint_view::EndpointView,
    listing::{self, SLICE},
    port_view::{self, PortView},
    registry::{FrontendCounts, Registry},
    watching::{ConnectionChanges, Watch},
};
use crate::{
    limits::descriptor_budget::DescriptorBudget,
    session::{closed_ring::CLOSED_CONNECTIONS, siblings::Sibling},
    shared::{
        command::Command,
        connection_info::{ConnectionFilter, ConnectionId, ConnectionInfo, FlowInfo},
        event_log::EventLog,
    },
    telemetry::totals::PortTotals,
};
use std::{ops::ControlFlow, sync::Arc, time::SystemTime};
use weir_core::{Family, PortKey};

/// Handle to what a data plane knows. Reading counters and states costs workers nothing; listing connections costs them some tens of
/// microseconds at a time. It does not keep the data plane alive: without it lists are empty.
#[derive(Clone, Debug)]
pub struct Observer {
    registry: Arc<Registry>,
    workers: Arc<[Sibling]>,
    descriptors: Arc<DescriptorBudget>,
    max_connections: usize,
    max_flows: usize,
}

impl Observer {
    pub(crate) fn new(
        registry: Arc<Registry>,
        workers: Arc<[Sibling]>,
        descriptors: Arc<DescriptorBudget>,
        (max_connections, max_flows): (usize, usize),
    ) -> Self {
        Self { registry, workers, descriptors, max_connections, max_flows }
    }

    /// A Service port in one family; `None` if it is not served.
    pub fn port(&self, key: &PortKey, family: Family) -> Option<PortView> {
        self.registry.get(key, family).map(|runtime| PortView::of(&runtime))
    }

    /// Endpoints of a Service port in one family, in list order; none if it is not served.
    pub fn endpoints(&self, key: &PortKey, family: Family) -> Vec<EndpointView> {
        self.registry.get(key, family).map_or_else(Vec::new, |runtime| port_view::endpoints(&runtime))
    }

    /// What all TCP ports and all UDP ports have served since the start, up to a second ago.
    pub fn totals(&self) -> [PortTotals; 2] {
        self.registry.totals()
    }

    /// Clients that wait because all endpoints of their Service port are full.
    pub fn waiting(&self) -> usize {
        self.registry.waiting()
    }

    /// Number of frontends in each state.
    pub fn frontends(&self) -> FrontendCounts {
        self.registry.frontends()
    }

    /// When a Snapshot was last applied; `None` before the first.
    pub fn applied(&self) -> Option<SystemTime> {
        self.registry.applied()
    }

    /// What happened lately. Others may add to it.
    pub fn events(&self) -> &EventLog {
        &self.registry.events
    }

    /// Live TCP connections of each worker.
    pub fn connections_by_worker(&self) -> Vec<usize> {
        self.workers.iter().map(Sibling::connections).collect()
    }

    /// UDP flows of each worker.
    pub async fn flows_by_worker(&self) -> Vec<usize> {
        let mut flows = Vec::with_capacity(self.workers.len());
        for worker in &*self.workers {
            flows.push(listing::call(worker, |done| Command::CountFlows { done }).await.unwrap_or_default());
        }
        flows
    }

    /// TCP connections that there may be.
    pub fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// UDP flows that there may be.
    pub fn max_flows(&self) -> usize {
        self.max_flows
    }

    /// Descriptors that the data plane has open, and may have open.
    pub fn descriptors(&self) -> (usize, usize) {
        (self.descriptors.used(), self.descriptors.limit())
    }

    /// Gives `slice` the live TCP connections that match, a few hundred at a time, in the order of their numbers, beginning after
    /// one of them, until it has enough. What comes or goes meanwhile may be missed.
    pub async fn connections(
        &self,
        filter: &Arc<ConnectionFilter>,
        after: Option<ConnectionId>,
        slice: impl FnMut(Vec<ConnectionInfo>) -> ControlFlow<()> + Send,
    ) {
        listing::list(&self.workers, filter, after, slice).await;
    }

    /// Gives `slice` the UDP flows that match, as [`Self::connections`].
    pub async fn flows(
        &self,
        filter: &Arc<ConnectionFilter>,
        after: Option<ConnectionId>,
        slice: impl FnMut(Vec<FlowInfo>) -> ControlFlow<()> + Send,
    ) {
        listing::list(&self.workers, filter, after, slice).await;
    }

    /// The TCP connections that ended last and match, newest first, and the number of those that are remembered.
    pub async fn closed(&self, filter: &ConnectionFilter) -> (Vec<ConnectionInfo>, usize) {
        let mut found = Vec::new();
        for worker in &*self.workers {
            let mut next = 0;
            while let Some(slice) = listing::closed(worker, next, SLICE).await {
                next = slice.next;
                found.extend(slice.connections);
                if slice.next >= slice.ended {
                    break;
                }
            }
        }
        found.sort_by_key(|closed| std::cmp::Reverse(closed.end.map(|end| end.at)));
        found.truncate(CLOSED_CONNECTIONS);
        let total = found.len();
        found.retain(|closed| filter.includes(closed));
        (found, total)
    }

    /// Begins to watch connections from now on.
    pub async fn watch(&self) -> Watch {
        Watch::begin(&self.workers).await
    }

    /// Connections that match and were opened or closed since the last look, at most `max` of each kind and worker.
    pub async fn look(
        &self,
        watch: &mut Watch,
        filter: &Arc<ConnectionFilter>,
        max: usize,
    ) -> ConnectionChanges {
        watch.look(&self.workers, filter, max).await
    }
}
