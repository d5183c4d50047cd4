//! Which endpoints may a new flow of a Service port get, by one Snapshot? Immutable; replaced as a whole.

use super::{endpoints::Endpoints, node_context::NodeContext};
use ipnet::IpNet;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use weir_core::{
    Balancer, Endpoint, EndpointSet, FrontendKind, Load, Ratio, Request, ServicePort, Target, Traffic,
    Weight, is_hairpin,
    topology::{nearby, spills},
};

/// The data that decides about new flows of a Service port, from one Snapshot.
#[derive(Debug)]
pub(crate) struct RoutingTable {
    /// The Service port.
    pub(crate) port: Arc<ServicePort>,
    /// Node and host of this proxy, which decide about the origin of clients.
    pub(crate) node_context: Arc<NodeContext>,
    /// Number of the routing table in its runtime; each update counts up.
    pub(crate) epoch: u64,
    cluster: Option<Balancer>,
    /// Endpoints of the cluster's list that are preferred; `None` without the setting.
    near: Option<Box<NearEndpoints>>,
    local: Option<Box<Balancer>>,
    /// Endpoints that new flows do not get, as they terminate or an operator says so; they may have connections.
    leaving: Box<[Target]>,
    /// Networks of clients that may use load-balancer addresses; `None` means all.
    guard: Option<Vec<IpNet>>,
    /// Positions in the merged list of the port of endpoints that are serving, eligible or not, sorted by address: what
    /// keeps a UDP flow alive (semantics C2, C3).
    serving: Box<[u32]>,
    /// Epoch since which each endpoint has been reachable without a gap, sorted by address; empty without affinity.
    reachable_since: Box<[(SocketAddr, u64)]>,
}

/// Endpoints that are preferred because they are near.
#[derive(Debug)]
struct NearEndpoints {
    balancer: Balancer,
    /// Factor over the mean load of all endpoints up to which near ones are preferred.
    spill: Ratio,
}

impl RoutingTable {
    pub(super) fn build(
        port: &Arc<ServicePort>,
        node_context: &Arc<NodeContext>,
        previous: Option<&RoutingTable>,
        endpoints: &mut Endpoints,
    ) -> Self {
        let epoch = previous.map_or(0, |previous| previous.epoch + 1);
        let mut balancer = |set: Option<&EndpointSet>, before: Option<&Balancer>| {
            let mut target = |endpoint: &Endpoint| {
                let address = endpoint.address;
                (Target { address, load: endpoints.load(port.key.protocol, address) }, endpoint.weight)
            };
            let balancer = Balancer::weighted(port.settings.balance, set?.iter().map(&mut target), before);
            Some(balancer.with_max_connections(port.settings.limits.connections_per_endpoint))
        };
        let serving = (0..).zip(port.merged.iter()).filter(|(_, endpoint)| endpoint.conditions.serving);
        let mut serving: Box<[u32]> = serving.map(|(position, _)| position).collect();
        serving.sort_unstable_by_key(|&position| port.merged[position as usize].address);
        let near = port.settings.topology_spill.and_then(|spill| {
            let near = nearby(port.cluster.as_ref()?, &node_context.node)?;
            Some(Box::new(NearEndpoints { balancer: balancer(Some(&near), None)?, spill }))
        });
        let cluster = balancer(port.cluster.as_ref(), previous.and_then(|routing| routing.cluster.as_ref()));
        let local = balancer(port.local.as_ref(), previous.and_then(|routing| routing.local.as_deref()));
        let is_chosen = |address| {
            cluster.iter().chain(&local).any(|balancer: &Balancer| balancer.position(address).is_some())
        };
        let is_left = |endpoint: &&Endpoint| {
            endpoint.conditions.terminating
                || endpoint.overridden.is_some()
                || endpoint.weight == Weight::MAINTENANCE
        };
        let leaving = port
            .merged
            .iter()
            .filter(is_left)
            .map(|endpoint| endpoint.address)
            .filter(|&address| !is_chosen(address));
        let leaving = leaving
            .map(|address| Target { address, load: endpoints.load(port.key.protocol, address) })
            .collect();
        Self {
            near,
            cluster,
            local: local.map(Box::new),
            leaving,
            guard: port.sources(FrontendKind::LoadBalancerIp, &node_context.node),
            reachable_since: reachable_since(port, previous, epoch),
            serving,
            port: Arc::clone(port),
            node_context: Arc::clone(node_context),
            epoch,
        }
    }

    /// Balancer for one kind of traffic; `None` without endpoints.
    pub(crate) fn balancer(&self, traffic: Traffic) -> Option<&Balancer> {
        match traffic {
            Traffic::Cluster => self.cluster.as_ref(),
            Traffic::Local => self.local.as_deref(),
        }
    }

    /// What is known of an endpoint that new flows get, or got until it began to terminate or was drained.
    pub(crate) fn load(&self, address: SocketAddr) -> Option<&Load> {
        let balancers = self.cluster.iter().chain(self.local.as_deref());
        let chosen =
            balancers.filter_map(|balancer| balancer.targets().get(balancer.position(address)?)).next();
        let leaving = || self.leaving.iter().find(|target| target.address == address);
        chosen.or_else(leaving).map(|target| &*target.load)
    }

    pub(super) fn choose(&self, traffic: Traffic, request: &Request<'_>) -> Option<&Target> {
        let balancer = self.balancer(traffic)?;
        let near = self.near.as_deref().filter(|_| traffic == Traffic::Cluster);
        let near = near.map(|NearEndpoints { balancer, spill }| (balancer, spill));
        let near = near.filter(|&(near, spill)| !spills(*spill, near.set_load(), balancer.set_load()));
        near.and_then(|(near, _)| near.pick_healthy(request)).or_else(|| balancer.pick(request))
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

    /// Whether an endpoint is on this node, by its slice.
    pub(crate) fn is_on_this_node(&self, address: SocketAddr) -> bool {
        let known = self.endpoint(address);
        known.is_some_and(|endpoint| self.node_context.node.is_local(endpoint.node.as_deref()))
    }

    /// Name of the node that an endpoint is on, by its slice.
    pub(crate) fn node_of(&self, address: SocketAddr) -> Option<Arc<str>> {
        self.endpoint(address)?.node.clone()
    }

    fn endpoint(&self, address: SocketAddr) -> Option<&Endpoint> {
        let merged = &self.port.merged;
        let known = self.position_of_serving(address).map(|position| &merged[position]);
        known.or_else(|| merged.iter().find(|endpoint| endpoint.address == address))
    }

    /// Whether an EndpointSlice has the endpoint.
    pub(super) fn has(&self, address: SocketAddr) -> bool {
        self.is_serving(address) || self.port.merged.iter().any(|endpoint| endpoint.address == address)
    }

    /// Epoch since which an endpoint has been reachable without a gap; `None` without affinity, too.
    pub(super) fn reachable_since(&self, endpoint: SocketAddr) -> Option<u64> {
        let known = &self.reachable_since;
        known.binary_search_by_key(&endpoint, |&(address, _)| address).ok().map(|position| known[position].1)
    }

    /// Whether an endpoint is serving, so that a UDP flow may stay with it.
    pub(crate) fn is_serving(&self, address: SocketAddr) -> bool {
        self.position_of_serving(address).is_some()
    }

    fn position_of_serving(&self, address: SocketAddr) -> Option<usize> {
        let address_of = |&position: &u32| self.port.merged[position as usize].address;
        let found = self.serving.binary_search_by_key(&address, address_of).ok()?;
        Some(self.serving[found] as usize)
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
