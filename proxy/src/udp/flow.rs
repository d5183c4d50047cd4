//! What is one client's UDP mapping, and how long does it live?

use super::{
    datagrams::{batch_socket::BatchSocket, sender::Route},
    reply_socket::ReplySocket,
};
use crate::{
    limits::{descriptor_budget::DescriptorPermit, service_usage::ServiceUsage},
    routing::{
        port_runtime::{PortRuntime, Selected},
        routing_table::RoutingTable,
    },
    session::close_signal::CloseSignal,
    telemetry::close_reason::Closed,
};
use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use weir_core::{ConnectFailure, Lease};

/// DatagramScratch of each side after which a flow counts as a conversation, which may pause for longer.
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
    /// From which its client hears replies.
    reply_socket: Rc<ReplySocket>,
    /// Its place among the flows of the batch that is being forwarded, if it is there.
    pub(super) index: Cell<usize>,
    max_segment_to_endpoint: Cell<usize>,
    max_segment_to_client: Cell<usize>,
    /// The Service port that placed it.
    runtime: Arc<PortRuntime>,
    /// The route by which the flow was last found to be in order.
    epoch: Cell<u64>,
    last_active: Cell<Instant>,
    from_client: Cell<u32>,
    from_endpoint: Cell<u32>,
    timeout: Duration,
    assured_timeout: Duration,
    /// Whether the endpoint said that nobody listens there; the next datagram looks for another one.
    refused: Cell<bool>,
    /// Tells it to end; once it has, why it did.
    pub(super) close_signal: CloseSignal,
    /// Counts the flow as load of its endpoint.
    lease: Lease,
    permits: FlowPermits,
}

/// The sockets of a flow.
pub(super) struct FlowSockets {
    /// Connected to the endpoint.
    pub(super) upstream: BatchSocket,
    /// Shared by the flows of a frontend.
    pub(super) reply_socket: Rc<ReplySocket>,
}

/// What a flow takes of what is limited.
pub(super) struct FlowPermits {
    /// The descriptor of its socket.
    pub(super) _descriptors: DescriptorPermit,
    /// That it counts as one of its client's, if those are limited.
    pub(super) of_client: Option<ClientFlowPermit>,
}

/// One flow of a client, counted for as long as this lives.
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
    /// A flow that begins now; `upstream` is connected to the selected endpoint.
    pub(super) fn new(
        client: SocketAddr,
        selected: Selected,
        FlowSockets { upstream, reply_socket }: FlowSockets,
        runtime: &Arc<PortRuntime>,
        routing: &RoutingTable,
        permits: FlowPermits,
    ) -> Self {
        Self {
            client,
            endpoint: selected.address,
            upstream,
            max_segment_to_client: Cell::new(reply_socket.max_segment()),
            reply_socket,
            index: Cell::new(0),
            max_segment_to_endpoint: Cell::new(usize::MAX),
            runtime: Arc::clone(runtime),
            epoch: Cell::new(routing.epoch),
            last_active: Cell::new(Instant::now()),
            from_client: Cell::new(0),
            from_endpoint: Cell::new(0),
            timeout: routing.port.settings.udp_idle_timeout,
            assured_timeout: routing.port.settings.udp_assured_timeout,
            refused: Cell::new(false),
            close_signal: CloseSignal::default(),
            lease: selected.lease,
            permits,
        }
    }

    /// Whose flow it is, if the flows of a client are limited.
    pub(super) fn counted(&self) -> Option<ClientOfService> {
        self.permits.of_client.as_ref().map(|of| ClientOfService::new(&of.service, of.client))
    }

    /// Why the flow cannot stay with its endpoint. Costs comparisons only while the Snapshot is the same.
    ///
    /// `runtime` is the Service port that its address belongs to now, and `route` that port's routing.
    pub(super) fn must_move(&self, runtime: &Arc<PortRuntime>, routing: &RoutingTable) -> Option<Closed> {
        if self.refused.get() {
            return Some(Closed::ConnectRefused);
        }
        if !Arc::ptr_eq(&self.runtime, runtime) {
            return Some(Closed::FrontendRemoved);
        }
        if self.close_signal.reason().is_none() && self.epoch.replace(routing.epoch) == routing.epoch {
            return None;
        }
        self.close_signal
            .reason()
            .or_else(|| (!routing.serves(self.endpoint)).then_some(Closed::EndpointRemoved))
    }

    /// How datagrams get to the endpoint.
    pub(super) fn to_endpoint(&self) -> Route<'_> {
        Route {
            socket: self.upstream.descriptor(),
            to: None,
            ipv6: self.endpoint.is_ipv6(),
            max_segment: &self.max_segment_to_endpoint,
        }
    }

    /// How datagrams get to the client.
    pub(super) fn to_client(&self) -> Route<'_> {
        Route {
            socket: self.reply_socket.descriptor(),
            to: Some(self.client),
            ipv6: self.client.is_ipv6(),
            max_segment: &self.max_segment_to_client,
        }
    }

    /// Notes that the endpoint refuses; the flow leaves it with its next datagram. Returns whether that ejected it.
    pub(super) fn refuse(&self) -> bool {
        let first = !self.refused.replace(true);
        first && self.lease.load().failed(Instant::now().into_std(), Duration::ZERO, ConnectFailure::Refused)
    }

    /// Notes that datagrams of the client went to the endpoint.
    pub(super) fn record_requests(&self, datagrams: usize) {
        self.record_datagrams(&self.from_client, datagrams);
    }

    /// Notes that datagrams of the endpoint came.
    pub(super) fn record_replies(&self, datagrams: usize) {
        if datagrams > 0 && self.from_endpoint.get() == 0 {
            self.lease.load().answered(Instant::now().into_std());
        }
        self.record_datagrams(&self.from_endpoint, datagrams);
    }

    fn record_datagrams(&self, side: &Cell<u32>, datagrams: usize) {
        if datagrams > 0 {
            self.last_active.set(Instant::now());
            side.set(side.get().saturating_add(datagrams as u32));
        }
    }

    /// When a datagram was last forwarded, in either direction.
    pub(super) fn last_active(&self) -> Instant {
        self.last_active.get()
    }

    /// When the flow has been idle for too long.
    pub(super) fn deadline(&self) -> Instant {
        let assured = self.from_client.get() >= MIN_ASSURED_DATAGRAMS
            && self.from_endpoint.get() >= MIN_ASSURED_DATAGRAMS;
        self.last_active.get() + if assured { self.assured_timeout } else { self.timeout }
    }
}
