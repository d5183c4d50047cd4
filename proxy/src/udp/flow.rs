//! What is one client's UDP mapping, and how long does it live?

use super::{
    datagrams::{batch_socket::BatchSocket, sender::Route},
    flow_sockets::FlowSockets,
    reply_socket::ReplySocket,
};
use crate::{
    limits::{descriptor_budget::DescriptorPermit, service_usage::ServiceUsage},
    routing::{
        port_runtime::{PortRuntime, Selected},
        routing_table::RoutingTable,
    },
    session::{close_signal::CloseSignal, frontend::LocalFrontend, local_metrics::Direction},
    shared::connection_info::{ConnectionFilter, ConnectionId, FlowInfo},
    sys::hop_limit,
    telemetry::{close_reason::Closed, connection_log::logged::LoggedFlow},
};
use std::{
    cell::{Cell, OnceCell},
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use weir_core::{ConnectFailure, HopLimit, Lease, MAX_CONNECT_ATTEMPTS, Protocol};

/// Datagrams of each side after which a flow counts as a conversation, which may pause for longer.
pub(super) const MIN_ASSURED_DATAGRAMS: u32 = 2;

/// A client of a Service, as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClientOfService {
    /// The address of the Service's usage, which is compared and never read.
    service: *const ServiceUsage,
    client: IpAddr,
}

impl ClientOfService {
    pub(super) fn new(service: &Arc<ServiceUsage>, client: IpAddr) -> Self {
        Self { service: Arc::as_ptr(service), client }
    }
}

/// One client of a UDP frontend and the endpoint that it got.
pub(crate) struct UdpFlow {
    pub(super) client: SocketAddr,
    pub(super) endpoint: SocketAddr,
    pub(super) upstream: BatchSocket,
    /// Socket from which replies go to the client.
    reply_socket: Rc<ReplySocket>,
    /// Index among the flows of the batch that is being forwarded, if the flow is there.
    pub(super) index: Cell<usize>,
    /// Hop limit of datagrams to the endpoint; `None` for this host's own.
    hop_limit: Cell<Option<HopLimit>>,
    /// Bytes of the largest datagrams that the kernel can cut out of a send to the endpoint.
    max_segment_to_endpoint: Cell<usize>,
    /// Bytes of the largest datagrams that the kernel can cut out of a send to the client.
    max_segment_to_client: Cell<usize>,
    /// Frontend of the Service port that picked the endpoint. The port's own reference count is left alone: it is on the
    /// cache line that every worker reads for each batch.
    frontend: Rc<LocalFrontend>,
    /// Epoch of the routing table by which the flow was last found to be in order.
    epoch: Cell<u64>,
    opened: Instant,
    last_active: Cell<Instant>,
    from_client: Cell<u32>,
    from_endpoint: Cell<u32>,
    timeout: Duration,
    assured_timeout: Duration,
    /// Whether the endpoint said that nobody listens there; the next datagram moves the flow.
    refused: Cell<bool>,
    /// Endpoints that refused the client one after another before this one, which are tried last.
    refused_before: Box<[SocketAddr]>,
    /// What the connection log wants to know; unset for a flow that is not logged.
    pub(super) logged: OnceCell<Box<LoggedFlow>>,
    /// Ends the task of the flow; holds the reason afterwards.
    pub(super) close_signal: CloseSignal,
    /// Counts the flow as load of its endpoint.
    lease: Lease,
    permits: FlowPermits,
}

/// The permits that a flow holds.
pub(super) struct FlowPermits {
    /// Descriptor of the socket to the endpoint.
    pub(super) _descriptors: DescriptorPermit,
    /// Count of the client, if the flows of a client are limited.
    pub(super) of_client: Option<ClientFlowPermit>,
}

/// One flow in the count of its client, until dropped.
pub(super) struct ClientFlowPermit {
    pub(super) service: Arc<ServiceUsage>,
    pub(super) client: IpAddr,
}

impl Drop for ClientFlowPermit {
    fn drop(&mut self) {
        self.service.flows.remove(self.client);
    }
}

impl UdpFlow {
    /// Creates a flow that begins now; `upstream` is connected to the selected endpoint.
    pub(super) fn new(
        client: SocketAddr,
        selected: Selected,
        FlowSockets { upstream, reply_socket }: FlowSockets,
        frontend: &Rc<LocalFrontend>,
        routing: &RoutingTable,
        permits: FlowPermits,
        refused_before: Box<[SocketAddr]>,
    ) -> Self {
        let now = Instant::now();
        Self {
            client,
            endpoint: selected.address,
            upstream,
            max_segment_to_client: Cell::new(reply_socket.max_segment()),
            reply_socket,
            index: Cell::new(0),
            hop_limit: Cell::default(),
            max_segment_to_endpoint: Cell::new(usize::MAX),
            frontend: Rc::clone(frontend),
            epoch: Cell::new(routing.epoch),
            opened: now,
            last_active: Cell::new(now),
            from_client: Cell::new(0),
            from_endpoint: Cell::new(0),
            timeout: routing.port.settings.udp_idle_timeout,
            assured_timeout: routing.port.settings.udp_assured_timeout,
            refused: Cell::new(false),
            refused_before,
            logged: OnceCell::new(),
            close_signal: CloseSignal::default(),
            lease: selected.lease,
            permits,
        }
    }

    /// Client that the flow counts for; `None` if the flows of a client are not limited.
    pub(super) fn counted(&self) -> Option<ClientOfService> {
        self.permits.of_client.as_ref().map(|of| ClientOfService::new(&of.service, of.client))
    }

    /// Reason why the flow cannot stay with its endpoint. Costs only comparisons while the Snapshot is unchanged.
    ///
    /// `runtime` is the Service port that the frontend belongs to now, and `routing` its routing table.
    pub(super) fn must_move(&self, runtime: &Arc<PortRuntime>, routing: &RoutingTable) -> Option<Closed> {
        if self.refused.get() {
            return Some(Closed::ConnectRefused);
        }
        if !Arc::ptr_eq(&self.frontend.runtime, runtime) {
            return Some(Closed::FrontendRemoved);
        }
        if self.close_signal.reason().is_none() && self.epoch.replace(routing.epoch) == routing.epoch {
            return None;
        }
        self.close_signal
            .reason()
            .or_else(|| (!routing.is_serving(self.endpoint)).then_some(Closed::EndpointRemoved))
    }

    /// Sets the hop limit of datagrams to the endpoint. Those of a client nearly always come with the same one, and only
    /// another one costs a system call.
    pub(super) fn set_hop_limit(&self, hop_limit: Option<HopLimit>) {
        if let Some(hops) = hop_limit
            && self.hop_limit.replace(hop_limit) != hop_limit
            && let Err(error) = hop_limit::set(&self.upstream, self.endpoint.is_ipv4(), hops)
        {
            tracing::debug!(%error, endpoint = %self.endpoint, "cannot set the hop limit of a UDP flow");
        }
    }

    /// Route of datagrams to the endpoint.
    pub(super) fn to_endpoint(&self) -> Route<'_> {
        Route {
            socket: self.upstream.descriptor(),
            to: None,
            ipv6: self.endpoint.is_ipv6(),
            max_segment: &self.max_segment_to_endpoint,
        }
    }

    /// Route of datagrams to the client.
    pub(super) fn to_client(&self) -> Route<'_> {
        Route {
            socket: self.reply_socket.descriptor(),
            to: Some(self.client),
            ipv6: self.client.is_ipv6(),
            max_segment: &self.max_segment_to_client,
        }
    }

    /// Endpoints that the next flow of the client shall not get while others are left, if this one's refuses.
    pub(super) fn refusing_endpoints(&self) -> Vec<SocketAddr> {
        let has_served = self.from_endpoint.get() > 0;
        let before = if has_served { &[] } else { &*self.refused_before };
        // The latest ones: the client of very many endpoints does not go through all of them.
        let before = &before[before.len().saturating_sub(MAX_CONNECT_ATTEMPTS - 1)..];
        [before, &[self.endpoint]].concat()
    }

    /// Records that the endpoint refuses; the flow moves with its next datagram. Returns whether the endpoint was
    /// ejected for that; `None` if the flow was refused before.
    pub(super) fn refuse(&self) -> Option<bool> {
        let first = !self.refused.replace(true);
        let failed =
            || self.lease.load().failed(Instant::now().into_std(), Duration::ZERO, ConnectFailure::Refused);
        first.then(failed)
    }

    /// Records datagrams of the client that went to the endpoint.
    pub(super) fn record_requests(&self, datagrams: usize) {
        self.record_datagrams(&self.from_client, datagrams);
    }

    /// Records datagrams that came from the endpoint.
    pub(super) fn record_replies(&self, datagrams: usize) {
        if datagrams > 0 && self.from_endpoint.get() == 0 {
            if let Some(logged) = self.logged.get() {
                logged.first_reply.set(Some(logged.opened.elapsed()));
            }
            self.frontend.runtime.unserved.end();
            self.lease.load().answered(Instant::now().into_std());
        }
        self.record_datagrams(&self.from_endpoint, datagrams);
    }

    /// Records bytes that were relayed, if the flow is logged.
    pub(super) fn record_bytes(&self, direction: Direction, bytes: usize) {
        let Some(logged) = self.logged.get() else { return };
        let total = match direction {
            Direction::ToEndpoint => &logged.bytes_to_endpoint,
            Direction::ToClient => &logged.bytes_to_client,
        };
        total.set(total.get() + bytes as u64);
    }

    /// Makes the connection log be told of the flow at its end.
    pub(super) fn begin_log(&self) {
        self.logged.get_or_init(|| Box::new(LoggedFlow::begin()));
    }

    /// Datagrams that were relayed to the endpoint, and to the client.
    pub(super) fn datagrams(&self) -> (u32, u32) {
        (self.from_client.get(), self.from_endpoint.get())
    }

    /// Endpoints that the client was given one after another, this one included, because those before refused.
    pub(super) fn attempts(&self) -> usize {
        self.refused_before.len() + 1
    }

    fn record_datagrams(&self, side: &Cell<u32>, datagrams: usize) {
        if datagrams > 0 {
            self.last_active.set(Instant::now());
            side.set(side.get().saturating_add(datagrams as u32));
        }
    }

    /// Time at which a datagram was last forwarded, in either direction.
    pub(super) fn last_active(&self) -> Instant {
        self.last_active.get()
    }

    /// Time at which the flow has been idle for too long.
    pub(super) fn deadline(&self) -> Instant {
        self.last_active.get() + if self.is_assured() { self.assured_timeout } else { self.timeout }
    }

    /// Whether both sides have spoken repeatedly.
    fn is_assured(&self) -> bool {
        let spoke = |side: &Cell<u32>| side.get() >= MIN_ASSURED_DATAGRAMS;
        spoke(&self.from_client) && spoke(&self.from_endpoint)
    }

    /// Ends the flow.
    pub(crate) fn end(&self, reason: Closed) {
        self.close_signal.send(reason);
    }

    /// Whether the flow is asked for.
    pub(crate) fn matches(&self, filter: &ConnectionFilter) -> bool {
        let (port, client) = (self.frontend.served_port(), self.client.ip().to_canonical());
        filter.matches(port, client, Some(self.endpoint), self.opened.into_std())
    }

    /// Copies the data of the flow for other threads; `worker` is the number of this one, and `number` the flow's.
    pub(crate) fn info(&self, worker: u16, number: u64) -> FlowInfo {
        let port = self.frontend.served_port();
        FlowInfo {
            id: ConnectionId { worker, number },
            flow: self.frontend.flow(Protocol::Udp, self.client),
            port: port.key.clone(),
            port_number: port.number,
            endpoint: self.endpoint,
            opened: self.opened.into_std(),
            last_active: self.last_active().into_std(),
            to_endpoint: self.from_client.get(),
            to_client: self.from_endpoint.get(),
            assured: self.is_assured(),
        }
    }
}
