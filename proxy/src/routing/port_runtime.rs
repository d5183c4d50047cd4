//! Which endpoint does a new flow of a Service port get right now? A runtime holds the port's current routing table.

use super::{
    affinity::{AffinityTable, Visit},
    endpoints::Endpoints,
    node_context::NodeContext,
    routing_table::RoutingTable,
};
use crate::{
    limits::service_usage::ServiceUsage,
    telemetry::{port_directory::PortDirectory, port_metrics::PortMetrics},
};
use arc_swap::{ArcSwap, Guard};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};
use tokio::sync::Notify;
use weir_core::{
    Balancer, EndpointRemoved, Family, Lease, PortKey, Queue, Request, ServicePort, Target, Traffic, Unserved,
};

/// One Service port in one family, for as long as the port exists. Shared by the reconciler, workers and connections;
/// its routing table is replaced as a whole.
#[derive(Debug)]
pub(crate) struct PortRuntime {
    routing: ArcSwap<RoutingTable>,
    affinity: AffinityTable,
    /// Clients that wait because all endpoints are full.
    pub(crate) queue: Queue,
    /// Wakes a waiting client when there may be room.
    pub(crate) room: Notify,
    /// Usage of the whole Service.
    pub(crate) service: Arc<ServiceUsage>,
    /// Whether the last client found no endpoint that works.
    pub(crate) unserved: Unserved,
    /// Whether the port was removed.
    retired: AtomicBool,
    /// Metrics of the port.
    pub(crate) metrics: Arc<PortMetrics>,
}

/// Runtimes by Service port and family.
pub(crate) type PortRuntimes = HashMap<(PortKey, Family), Arc<PortRuntime>>;

/// The endpoint that was picked for a flow; counts as load while the lease lives.
pub(crate) struct Selected {
    pub(crate) address: SocketAddr,
    pub(crate) lease: Lease,
}

impl PortRuntime {
    pub(crate) fn new(
        port: &Arc<ServicePort>,
        node_context: &Arc<NodeContext>,
        endpoints: &mut Endpoints,
        directory: &Arc<PortDirectory>,
    ) -> Self {
        let routing = RoutingTable::build(port, node_context, None, endpoints);
        let metrics = Arc::new(PortMetrics::new(port, directory));
        Self {
            routing: ArcSwap::from_pointee(routing),
            affinity: AffinityTable::default(),
            queue: Queue::default(),
            service: Arc::default(),
            room: Notify::new(),
            unserved: Unserved::new(endpoints.unserved()),
            retired: AtomicBool::new(false),
            metrics,
        }
    }

    /// Makes the port part of a Service, whose usage is shared by all its runtimes; from then on it can be looked at.
    pub(crate) fn of_service(self, service: Arc<ServiceUsage>) -> Arc<Self> {
        let runtime = Arc::new(Self { service, ..self });
        let weak = Arc::downgrade(&runtime);
        runtime.metrics.attach(weak);
        runtime
    }

    /// The current routing table.
    pub(crate) fn routing(&self) -> Guard<Arc<RoutingTable>> {
        self.routing.load()
    }

    /// Replaces the routing table by that of the next Snapshot.
    pub(crate) fn update(
        &self,
        port: &Arc<ServicePort>,
        node_context: &Arc<NodeContext>,
        endpoints: &mut Endpoints,
    ) {
        let previous = self.routing.load();
        let routing = RoutingTable::build(port, node_context, Some(&previous), endpoints);
        if routing.port.affinity.is_none() && previous.port.affinity.is_some() {
            self.affinity.clear();
        }
        // A new endpoint is given the benefit of the doubt.
        if self.unserved.failure().is_some() && has_newcomer(&previous.port, port) {
            self.unserved.end();
        }
        self.routing.store(Arc::new(routing));
        self.room.notify_waiters();
    }

    /// Marks the port as removed.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Relaxed);
        self.metrics.retire();
    }

    /// Rule for connections to this endpoint, if it was removed; `None` if not, or if the Service keeps them.
    pub(crate) fn if_removed(&self, address: SocketAddr) -> Option<EndpointRemoved> {
        let routing = self.routing.load();
        let rule = routing.port.settings.on_endpoint_removed;
        let removed = || self.retired.load(Relaxed) || !routing.has(address);
        (rule != EndpointRemoved::Keep && removed()).then_some(rule)
    }

    /// Picks an endpoint of `routing` for a flow, by affinity first. `None` if no endpoint with room is left.
    pub(crate) fn pick(
        &self,
        routing: &RoutingTable,
        traffic: Traffic,
        request: &Request<'_>,
    ) -> Option<Selected> {
        let balancer = routing.balancer(traffic)?;
        loop {
            let target = match routing.port.affinity {
                None => routing.choose(traffic, request),
                Some(timeout) => {
                    let visit = Visit {
                        client: request.flow.client.ip(),
                        now: request.now,
                        timeout,
                        epoch: routing.epoch,
                    };
                    self.recall(routing, traffic, request, visit)
                }
            }?;
            // Another worker may have taken the last connection that the endpoint may have; then it is not chosen
            // again.
            if let Some(selected) = Selected::of(target, balancer) {
                return Some(selected);
            }
        }
    }

    /// The endpoint where the client landed before while that is healthy and has room, else another one.
    fn recall<'a>(
        &self,
        routing: &'a RoutingTable,
        traffic: Traffic,
        request: &Request<'_>,
        visit: Visit,
    ) -> Option<&'a Target> {
        let balancer = routing.balancer(traffic)?;
        let unwelcome = |address| {
            balancer.position(address).is_some_and(|position| !balancer.is_available(position, request.tried))
        };
        let position_of = |address| Some((balancer.position(address)?, routing.reachable_since(address)?));
        let pick = || routing.choose(traffic, request).map(|target| target.address);
        let address = self.affinity.choose(visit, unwelcome, position_of, pick)?;
        balancer.position(address).map(|position| &balancer.targets()[position])
    }

    /// Remembers the endpoint that a client got in a race of attempts, for affinity.
    pub(crate) fn landed(&self, client: IpAddr, address: SocketAddr, now: Instant) {
        let routing = self.routing();
        if let Some(timeout) = routing.port.affinity {
            self.affinity.landed(Visit { client, now, timeout, epoch: routing.epoch }, address);
        }
    }

    /// Wakes a client that waits for an endpoint, as one may have room.
    pub(crate) fn make_room(&self) {
        if !self.queue.is_empty() {
            self.room.notify_one();
        }
    }

    /// Forgets clients whose affinity has expired.
    pub(crate) fn sweep(&self, now: Instant) {
        if let Some(timeout) = self.routing.load().port.affinity {
            self.affinity.sweep(now, timeout);
        }
    }
}

/// Whether an endpoint is reachable that was not before.
fn has_newcomer(before: &ServicePort, after: &ServicePort) -> bool {
    let known = before.reachable();
    let is_new = |address| !known.iter().any(|endpoint| endpoint.address == address);
    after.reachable().iter().any(|endpoint| is_new(endpoint.address))
}

impl Selected {
    fn of(target: &Target, balancer: &Balancer) -> Option<Self> {
        let lease = match balancer.max_connections() {
            None => target.load.lease(),
            Some(max) => target.load.lease_within(max.get() as usize)?,
        };
        Some(Self { address: target.address, lease })
    }
}
