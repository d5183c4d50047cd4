//! Which endpoint does a new flow of a Service port get right now? A slot holds the port's current route.

use crate::{
    affinity::{AffinityTable, Visit},
    counters::PortCounters,
    endpoints::Endpoints,
    place::Place,
    service_load::ServiceLoad,
};
use arc_swap::{ArcSwap, Guard};
use ipnet::IpNet;
use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};
use tokio::sync::Notify;
use weir_core::{
    Balancer, EndpointRemoved, EndpointSet, FrontendKind, Lease, Queue, Ratio, Request, ServicePort, Target,
    Traffic, is_hairpin,
    nearby::{nearby, spills},
};

/// One Service port in one family, for as long as it exists. Listeners and connections hold it; the route in it is
/// replaced as a whole.
#[derive(Debug)]
pub(crate) struct Slot {
    route: ArcSwap<Route>,
    affinity: AffinityTable,
    /// Clients that wait because all endpoints are full.
    pub(crate) queue: Queue,
    /// Tells one of them that there may be room.
    pub(crate) room: Notify,
    /// What the whole Service holds.
    pub(crate) service: Arc<ServiceLoad>,
    /// Whether the port is gone.
    retired: AtomicBool,
    /// What happened on this port.
    pub(crate) counters: Arc<PortCounters>,
}

/// How flows of a port are placed, from one Snapshot.
#[derive(Debug)]
pub(crate) struct Route {
    /// The port.
    pub(crate) port: Arc<ServicePort>,
    /// Where this proxy runs, to tell where a client comes from.
    pub(crate) place: Arc<Place>,
    /// Counts the routes of this slot.
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
pub(crate) struct Picked {
    pub(crate) address: SocketAddr,
    pub(crate) lease: Lease,
}

impl Slot {
    pub(crate) fn new(port: &Arc<ServicePort>, place: &Arc<Place>, endpoints: &mut Endpoints) -> Self {
        let route = Route::build(port, place, None, endpoints);
        let counters = Arc::new(PortCounters::new(port));
        Self {
            route: ArcSwap::from_pointee(route),
            affinity: AffinityTable::default(),
            queue: Queue::default(),
            service: Arc::default(),
            room: Notify::new(),
            retired: AtomicBool::new(false),
            counters,
        }
    }

    /// The same as part of a Service that other slots are part of, too.
    pub(crate) fn of_service(self, service: Arc<ServiceLoad>) -> Self {
        Self { service, ..self }
    }

    /// The current route.
    pub(crate) fn route(&self) -> Guard<Arc<Route>> {
        self.route.load()
    }

    /// Puts the next Snapshot's route in place.
    pub(crate) fn update(&self, port: &Arc<ServicePort>, place: &Arc<Place>, endpoints: &mut Endpoints) {
        let previous = self.route.load();
        let route = Route::build(port, place, Some(&previous), endpoints);
        if route.port.affinity.is_none() && previous.port.affinity.is_some() {
            self.affinity.clear();
        }
        self.route.store(Arc::new(route));
        self.room.notify_waiters();
    }

    /// Notes that the port is no longer served.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Relaxed);
    }

    /// What becomes of a connection to this endpoint, if it was removed and the Service does not keep its connections.
    pub(crate) fn if_removed(&self, address: SocketAddr) -> Option<EndpointRemoved> {
        let route = self.route.load();
        let rule = route.port.settings.on_endpoint_removed;
        let removed = || self.retired.load(Relaxed) || !route.has(address);
        (rule != EndpointRemoved::Keep && removed()).then_some(rule)
    }

    /// Picks an endpoint of `route` for a flow, by affinity first. `None` if there is none left that has room.
    pub(crate) fn pick(&self, route: &Route, traffic: Traffic, request: &Request<'_>) -> Option<Picked> {
        let balancer = route.balancer(traffic)?;
        loop {
            let target = match route.port.affinity {
                None => route.choose(traffic, request),
                Some(timeout) => {
                    let visit = Visit {
                        client: request.flow.client.ip(),
                        now: request.now,
                        timeout,
                        epoch: route.epoch,
                    };
                    self.recall(route, traffic, request, visit)
                }
            }?;
            // Another worker may have taken the last place; then this endpoint is not chosen again.
            if let Some(picked) = Picked::of(target, balancer) {
                return Some(picked);
            }
        }
    }

    /// The endpoint where the client landed before while that is well and has room, else another one.
    fn recall<'a>(
        &self,
        route: &'a Route,
        traffic: Traffic,
        request: &Request<'_>,
        visit: Visit,
    ) -> Option<&'a Target> {
        let balancer = route.balancer(traffic)?;
        let unwelcome = |address| {
            balancer.position(address).is_some_and(|position| !balancer.is_welcome(position, request.tried))
        };
        let standing = |address| Some((balancer.position(address)?, route.reachable_since(address)?));
        let pick = || route.choose(traffic, request).map(|target| target.address);
        let address = self.affinity.choose(visit, unwelcome, standing, pick)?;
        balancer.position(address).map(|position| &balancer.targets()[position])
    }

    /// Takes note of which endpoint a client got of several that were tried at the same time.
    pub(crate) fn landed(&self, client: IpAddr, address: SocketAddr, now: Instant) {
        let route = self.route();
        if let Some(timeout) = route.port.affinity {
            self.affinity.landed(Visit { client, now, timeout, epoch: route.epoch }, address);
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
        if let Some(timeout) = self.route.load().port.affinity {
            self.affinity.sweep(now, timeout);
        }
    }
}

impl Route {
    fn build(
        port: &Arc<ServicePort>,
        place: &Arc<Place>,
        previous: Option<&Route>,
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
            let near = nearby(port.cluster.as_ref()?, &place.node)?;
            Some(Box::new((balancer(Some(&near), None)?, spill)))
        });
        Self {
            near,
            cluster: balancer(port.cluster.as_ref(), previous.and_then(|route| route.cluster.as_ref())),
            local: balancer(port.local.as_ref(), previous.and_then(|route| route.local.as_deref()))
                .map(Box::new),
            guard: port.sources(FrontendKind::LoadBalancerIp, &place.node),
            reachable_since: reachable_since(port, previous, epoch),
            serving,
            port: Arc::clone(port),
            place: Arc::clone(place),
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
    pub(crate) fn admits(&self, kind: FrontendKind, client: IpAddr) -> bool {
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
                .any(|known| known.address == endpoint && is_hairpin(&self.place.node, known, client))
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

fn reachable_since(port: &ServicePort, previous: Option<&Route>, epoch: u64) -> Box<[(SocketAddr, u64)]> {
    if port.affinity.is_none() {
        return Box::default();
    }
    let since = |address| previous.and_then(|route| route.reachable_since(address)).unwrap_or(epoch);
    let reachable = port.reachable();
    let mut known: Box<[_]> =
        reachable.iter().map(|endpoint| (endpoint.address, since(endpoint.address))).collect();
    known.sort_unstable();
    known
}

impl Picked {
    fn of(target: &Target, balancer: &Balancer) -> Option<Self> {
        let lease = match balancer.limit() {
            None => target.load.lease(),
            Some(most) => target.load.lease_within(most.get() as usize)?,
        };
        Some(Self { address: target.address, lease })
    }
}
