//! What do all connections and flows through one address on one worker have in common?

use super::local_metrics::LocalMetrics;
use crate::{
    limits::admission::Admission,
    routing::{binding::Binding, port_runtime::PortRuntime, routing_table::RoutingTable},
    shared::{connect_fault::ConnectFault, connection_info::ServedPort},
    sys::socket::Egress,
    telemetry::{close_reason::Closed, totals::PortTotals},
};
use std::{
    cell::OnceCell,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Instant,
};
use weir_core::{Family, Flow, FrontendKind, Origin, PortKey, Protocol, Traffic, Verdict};

/// One frontend on one worker: what all its connections have in common.
pub(crate) struct LocalFrontend {
    pub(crate) runtime: Arc<PortRuntime>,
    pub(crate) local_metrics: Rc<LocalMetrics>,
    /// Service address; not always the address that is listened at (`--map loopback`).
    pub(crate) address: SocketAddr,
    pub(crate) kind: FrontendKind,
    /// Service port, as connections that have ended name it; the worker's own copy.
    served_port: OnceCell<Rc<ServedPort>>,
    /// Origin of all clients, by the capture socket; `None` for a bound socket, where it follows from addresses.
    pub(crate) origin: Option<Origin>,
}

impl LocalFrontend {
    pub(crate) fn new(binding: &Binding, runtime: Arc<PortRuntime>) -> Rc<Self> {
        Self::at(binding.frontend, binding.kind, runtime, None)
    }

    /// Creates the frontend at a Service address.
    pub(crate) fn at(
        address: SocketAddr,
        kind: FrontendKind,
        runtime: Arc<PortRuntime>,
        origin: Option<Origin>,
    ) -> Rc<Self> {
        Rc::new(Self {
            local_metrics: LocalMetrics::new(Arc::clone(&runtime.metrics)),
            runtime,
            address,
            kind,
            served_port: OnceCell::new(),
            origin,
        })
    }

    /// Service port behind the frontend, of which this worker counts the references alone.
    pub(crate) fn served_port(&self) -> &Rc<ServedPort> {
        let metrics = &self.runtime.metrics;
        self.served_port
            .get_or_init(|| Rc::new(ServedPort { key: metrics.key().clone(), number: metrics.number() }))
    }

    /// Key of the Service port behind the frontend.
    pub(crate) fn port_key(&self) -> PortKey {
        self.runtime.routing().port.key.clone()
    }

    /// The flow of a client to this frontend. An IPv4-mapped address of the client becomes IPv4.
    pub(crate) fn flow(&self, protocol: Protocol, client: SocketAddr) -> Flow {
        Flow {
            protocol,
            client: SocketAddr::new(client.ip().to_canonical(), client.port()),
            frontend: self.address,
        }
    }

    /// Counts a refused client, and logs at most one refusal a second.
    pub(crate) fn record_rejection(&self, admission: &Admission, client: IpAddr, reason: Closed) {
        let clients = self.runtime.metrics.clients();
        clients.rejected.get(reason).increment(1);
        clients.totals.add(&PortTotals { rejected: 1, ..PortTotals::default() });
        self.log_rejection(admission, client, reason);
    }

    /// Logs that a client was refused, at most once a second.
    pub(crate) fn log_rejection(&self, admission: &Admission, client: IpAddr, reason: Closed) {
        if let Some(others) = admission.may_log_refusal(Instant::now()) {
            let (frontend, service) = (self.address, self.port_key());
            tracing::warn!(%client, %frontend, %service, %reason, others, "client refused; {}", advice(reason));
        }
    }

    /// Records that a client could not be served, if that was for its endpoints.
    pub(crate) fn record_unserved(&self, reason: Closed) {
        if let Some(failure) = ConnectFault::failure_of(reason) {
            self.runtime.unserved.begin(failure);
        }
    }

    /// Kind of traffic, which decides about the endpoints to choose from, or the reason to refuse the client.
    pub(crate) fn traffic(&self, routing: &RoutingTable, client: IpAddr) -> Result<Traffic, Closed> {
        if !routing.allows_source(self.kind, client) {
            return Err(Closed::SourceDenied);
        }
        // Only with externalTrafficPolicy Local does the origin matter.
        let matters = routing.port.external_local && self.kind != FrontendKind::ClusterIp;
        let origin = if matters { self.origin_of(routing, client) } else { Origin::Outside };
        match routing.port.verdict(self.kind, origin) {
            Verdict::Endpoint(traffic) => Ok(traffic),
            Verdict::Reject | Verdict::Drop => Err(Closed::NoEndpoints),
        }
    }

    /// Mark and source address of the socket that brings a client to an endpoint (semantics M1-M5). `client` is the
    /// source of the client's packets.
    pub(crate) fn egress<'a>(
        &self,
        routing: &'a RoutingTable,
        client: SocketAddr,
        endpoint: SocketAddr,
    ) -> Egress<'a> {
        let Some(node_mode) = &routing.node_context.node_mode else { return Egress::default() };
        let ip = client.ip();
        let (origin, is_hairpin) = (self.origin_of(routing, ip), routing.is_hairpin(endpoint, ip));
        // A policy never keeps a node from its pods, nor a pod from itself, which here has its node's address.
        let mark = Some(node_mode.marks.towards_endpoint(origin != Origin::Node && !is_hairpin));
        let is_on_this_node = || routing.is_on_this_node(endpoint);
        let keeps_address = node_mode.can_keep(ip, endpoint, is_on_this_node)
            && !node_mode.sources.masquerades(&routing.port, self.kind, origin)
            && !is_hairpin;
        if keeps_address {
            return Egress {
                mark,
                source: Some(client),
                ports: Some(&node_mode.source_ports),
                hop_limit: None,
            };
        }
        // The kernel would choose the address of the interface to the endpoint, which may be a bridge's.
        let primary = *node_mode.primary.get(Family::of(endpoint.ip()));
        let source = primary.filter(|_| origin == Origin::Node && is_on_this_node());
        Egress { mark, source: source.map(|ip| SocketAddr::new(ip, 0)), ports: None, hop_limit: None }
    }

    fn origin_of(&self, routing: &RoutingTable, client: IpAddr) -> Origin {
        self.origin.unwrap_or_else(|| routing.node_context.origin(client))
    }
}

/// Advice to the operator: where to look.
fn advice(reason: Closed) -> &'static str {
    match reason {
        Closed::OverCapacity => "see --max-connections and the limit of open files (ulimit -Hn)",
        Closed::ServiceLimit => "see weir.dev/max-connections and --max-connections-per-service",
        Closed::ClientLimit => "see weir.dev/max-connections-per-client and --max-connections-per-client",
        Closed::NoSourcePort => "all ports for this client's address are in use, see --source-ports",
        Closed::HopLimit => "its packets had no hop left; do endpoints lead back to Service addresses?",
        _ => "see the limit of open files (ulimit -Hn)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        routing::{
            endpoints::Endpoints,
            node_context::{NodeContext, NodeModeContext},
        },
        sys::marks::Marks,
    };
    use std::num::NonZeroU16;
    use weir_core::{PerFamily, PortSpec, Service, ServiceKey, SourcePorts, SourceRules, resolve_static};

    /// The mark towards an endpoint for a client at this address and of this origin.
    fn mark(client: &str, origin: Origin) -> Option<u32> {
        let spec =
            PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
        let service = Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 10].into(), vec![spec]);
        let endpoint = SocketAddr::from(([10, 244, 0, 9], 8080));
        let port = Arc::clone(&resolve_static(&service, &[endpoint]).ports[0]);
        let node_mode = NodeModeContext {
            marks: Marks { to_clients: 1, to_endpoints: 2, forwarded: 4 },
            sources: SourceRules::default(),
            source_ports: SourcePorts::default(),
            pods: Vec::new(),
            bridges: Vec::new(),
            primary: PerFamily::default(),
        };
        let context = NodeContext { node_mode: Some(node_mode), ..NodeContext::default() };
        let runtime = PortRuntime::new(&port, &Arc::new(context), &mut Endpoints::default());
        let address = SocketAddr::from(([10, 96, 0, 10], 1));
        let frontend = LocalFrontend::at(address, FrontendKind::ClusterIp, Arc::new(runtime), Some(origin));
        let client = SocketAddr::new(client.parse().unwrap(), 40_000);
        frontend.egress(&frontend.runtime.routing(), client, endpoint).mark
    }

    #[test]
    fn packets_of_clients_in_pods_and_outside_may_be_forwarded_and_those_of_the_node_may_not() {
        assert_eq!(mark("10.244.0.2", Origin::Pod), Some(2 | 4));
        assert_eq!(mark("203.0.113.1", Origin::Outside), Some(2 | 4));
        assert_eq!(mark("192.168.0.2", Origin::Node), Some(2));
    }
}
