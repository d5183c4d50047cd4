//! Which endpoint does a new flow of a Service port get right now? A runtime holds the port's current routing.

use super::{
    affinity::{AffinityTable, Visit},
    endpoints::Endpoints,
    node_context::NodeContext,
};
use crate::{limits::service_usage::ServiceUsage, telemetry::metrics::PortMetrics};
use arc_swap::{ArcSwap, Guard};
use ipnet::IpNet;
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
    Balancer, EndpointRemoved, EndpointSet, Family, FrontendKind, Lease, PortKey, Queue, Ratio, Request,
    ServicePort, Target, Traffic, is_hairpin,
    nearby::{nearby, spills},
};

/// One Service port in one family, for as long as it exists. Reconciler and connections hold it; the route in it is
/// replaced as a whole.
#[derive(Debug)]
pub(crate) struct PortRuntime {
    routing: ArcSwap<RoutingTable>,
    affinity: AffinityTable,
    /// Clients that wait because all endpoints are full.
    pub(crate) queue: Queue,
    /// Tells one of them that there may be room.
    pub(crate) room: Notify,
    /// What the whole Service holds.
    pub(crate) service: Arc<ServiceUsage>,
    /// Whether the port is gone.
    retired: AtomicBool,
    /// What happened on this port.
    pub(crate) metrics: Arc<PortMetrics>,
}

/// PortRuntimes by Service port and family.
pub(crate) type PortRuntimes = HashMap<(PortKey, Family), Arc<PortRuntime>>;

/// How flows of a port are placed, from one Snapshot.
#[derive(Debug)]
pub(crate) struct RoutingTable {
    /// The port.
    pub(crate) port: Arc<ServicePort>,
    /// Where this proxy runs, to tell where a client comes from.
    pub(crate) node_context: Arc<NodeContext>,
    /// Counts the routes of this runtime.
    pub(crate) epoch: u64,
    cluster: Option<Balancer>,
    /// The endpoints of the cluster's list that are preferred, and for how long.
    near: Option<Box<(Balancer, Ratio)>>,
    local: Option<Box<Balancer>>,
    /// Who may use the load-balancer addresses; `None` means all.
    guard: Option<Vec<IpNet>>,
    /// Which of the port's endpoints serve, eligible or not, sorted by address: what keeps a UDP flow alive (semantics C2,
    /// C3).
    serving: Box<[u32]>,
    /// Since which epoch each endpoint has been reachable without a gap, sorted; filled only with affinity.
    reachable_since: Box<[(SocketAddr, u64)]>,
}

/// The endpoint that a flow got; it counts as load while the lease lives.
pub(crate) struct Selected {
    pub(crate) address: SocketAddr,
    pub(crate) lease: Lease,
}

impl PortRuntime {
    pub(crate) fn new(
        port: &Arc<ServicePort>,
        node_context: &Arc<NodeContext>,
        endpoints: &mut Endpoints,
    ) -> Self {
        let routing = RoutingTable::build(port, node_context, None, endpoints);
        let metrics = Arc::new(PortMetrics::new(port));
        Self {
            routing: ArcSwap::from_pointee(routing),
            affinity: AffinityTable::default(),
            queue: Queue::default(),
            service: Arc::default(),
            room: Notify::new(),
            retired: AtomicBool::new(false),
            metrics,
        }
    }

    /// The same as part of a Service that other runtimes are part of, too.
    pub(crate) fn of_service(self, service: Arc<ServiceUsage>) -> Self {
        Self { service, ..self }
    }

    /// The current routing.
    pub(crate) fn routing(&self) -> Guard<Arc<RoutingTable>> {
        self.routing.load()
    }

    /// Puts the next Snapshot's route in node_context.
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
        self.routing.store(Arc::new(routing));
        self.room.notify_waiters();
    }

    /// Notes that the port is no longer served.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Relaxed);
    }

    /// What becomes of a connection to this endpoint, if it was removed and the Service does not keep its connections.
    pub(crate) fn if_removed(&self, address: SocketAddr) -> Option<EndpointRemoved> {
        let routing = self.routing.load();
        let rule = routing.port.settings.on_endpoint_removed;
        let removed = || self.retired.load(Relaxed) || !routing.has(address);
        (rule != EndpointRemoved::Keep && removed()).then_some(rule)
    }

    /// Picks an endpoint of `route` for a flow, by affinity first. `None` if there is none left that has room.
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
            // Another worker may have taken the last place; then this endpoint is not chosen again.
            if let Some(selected) = Selected::of(target, balancer) {
                return Some(selected);
            }
        }
    }

    /// The endpoint where the client landed before while that is well and has room, else another one.
    fn recall<'a>(
        &self,
        routing: &'a RoutingTable,
        traffic: Traffic,
        request: &Request<'_>,
        visit: Visit,
    ) -> Option<&'a Target> {
        let balancer = routing.balancer(traffic)?;
        let unwelcome = |address| {
            balancer.position(address).is_some_and(|position| !balancer.is_welcome(position, request.tried))
        };
        let standing = |address| Some((balancer.position(address)?, routing.reachable_since(address)?));
        let pick = || routing.choose(traffic, request).map(|target| target.address);
        let address = self.affinity.choose(visit, unwelcome, standing, pick)?;
        balancer.position(address).map(|position| &balancer.targets()[position])
    }

    /// Takes note of which endpoint a client got of several that were tried at the same time.
    pub(crate) fn landed(&self, client: IpAddr, address: SocketAddr, now: Instant) {
        let routing = self.routing();
        if let Some(timeout) = routing.port.affinity {
            self.affinity.landed(Visit { client, now, timeout, epoch: routing.epoch }, address);
        }
    }

    /// Tells a client that waits for an endpoint that one may have room.
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

impl RoutingTable {
    fn build(
        port: &Arc<ServicePort>,
        node_context: &Arc<NodeContext>,
        previous: Option<&RoutingTable>,
        endpoints: &mut Endpoints,
    ) -> Self {
        let epoch = previous.map_or(0, |previous| previous.epoch + 1);
        let mut balancer = |set: Option<&EndpointSet>, before: Option<&Balancer>| {
            let target = |address| Target { address, load: endpoints.load(port.key.protocol, address) };
            let targets = set?.iter().map(|endpoint| endpoint.address).map(target).collect();
            let balancer = Balancer::build(port.settings.balance, targets, before);
            Some(balancer.with_limit(port.settings.limits.connections_per_endpoint))
        };
        let serving = (0..).zip(port.merged.iter()).filter(|(_, endpoint)| endpoint.conditions.serving);
        let mut serving: Box<[u32]> = serving.map(|(position, _)| position).collect();
        serving.sort_unstable_by_key(|&position| port.merged[position as usize].address);
        let near = port.settings.topology_spill.and_then(|spill| {
            let near = nearby(port.cluster.as_ref()?, &node_context.node)?;
            Some(Box::new((balancer(Some(&near), None)?, spill)))
        });
        Self {
            near,
            cluster: balancer(port.cluster.as_ref(), previous.and_then(|routing| routing.cluster.as_ref())),
            local: balancer(port.local.as_ref(), previous.and_then(|routing| routing.local.as_deref()))
                .map(Box::new),
            guard: port.sources(FrontendKind::LoadBalancerIp, &node_context.node),
            reachable_since: reachable_since(port, previous, epoch),
            serving,
            port: Arc::clone(port),
            node_context: Arc::clone(node_context),
            epoch,
        }
    }

    /// What places flows of one kind of traffic.
    pub(crate) fn balancer(&self, traffic: Traffic) -> Option<&Balancer> {
        match traffic {
            Traffic::Cluster => self.cluster.as_ref(),
            Traffic::Local => self.local.as_deref(),
        }
    }

    fn choose(&self, traffic: Traffic, request: &Request<'_>) -> Option<&Target> {
        let balancer = self.balancer(traffic)?;
        let near = self.near.as_deref().filter(|_| traffic == Traffic::Cluster);
        let near = near.filter(|(near, spill)| !spills(*spill, near.crowd(), balancer.crowd()));
        near.and_then(|(near, _)| near.pick_well(request)).or_else(|| balancer.pick(request))
    }

    /// Whether a client may use an address of this kind (semantics A5).
    pub(crate) fn allows_source(&self, kind: FrontendKind, client: IpAddr) -> bool {
        let guard = self.guard.as_ref().filter(|_| kind == FrontendKind::LoadBalancerIp);
        guard.is_none_or(|sources| sources.iter().any(|net| net.contains(&client)))
    }

    /// Whether a client that gets this endpoint would reach itself (semantics M2).
    pub(crate) fn is_hairpin(&self, endpoint: SocketAddr, client: IpAddr) -> bool {
        // Looks through the endpoints only where the addresses are the same, which is seldom.
        endpoint.ip() == client
            && self
                .port
                .merged
                .iter()
                .any(|known| known.address == endpoint && is_hairpin(&self.node_context.node, known, client))
    }

    /// Whether an endpoint is in some slice.
    fn has(&self, address: SocketAddr) -> bool {
        self.serves(address) || self.port.merged.iter().any(|endpoint| endpoint.address == address)
    }

    /// Since which epoch an endpoint has been reachable without a gap; `None` without affinity, too.
    fn reachable_since(&self, endpoint: SocketAddr) -> Option<u64> {
        let known = &self.reachable_since;
        known.binary_search_by_key(&endpoint, |&(address, _)| address).ok().map(|position| known[position].1)
    }

    /// Whether an endpoint still serves, so that a UDP flow may stay with it.
    pub(crate) fn serves(&self, address: SocketAddr) -> bool {
        let merged = &self.port.merged;
        self.serving.binary_search_by_key(&address, |&position| merged[position as usize].address).is_ok()
    }
}

fn reachable_since(
    port: &ServicePort,
    previous: Option<&RoutingTable>,
    epoch: u64,
) -> Box<[(SocketAddr, u64)]> {
    if port.affinity.is_none() {
        return Box::default();
    }
    let since = |address| previous.and_then(|routing| routing.reachable_since(address)).unwrap_or(epoch);
    let reachable = port.reachable();
    let mut known: Box<[_]> =
        reachable.iter().map(|endpoint| (endpoint.address, since(endpoint.address))).collect();
    known.sort_unstable();
    known
}

impl Selected {
    fn of(target: &Target, balancer: &Balancer) -> Option<Self> {
        let lease = match balancer.limit() {
            None => target.load.lease(),
            Some(most) => target.load.lease_within(most.get() as usize)?,
        };
        Some(Self { address: target.address, lease })
    }
}
