//! What is one client's UDP mapping, and how long does it live?

use super::{outbox::Way, reply_socket::ReplySocket, socket::BatchSocket, table::ClientOfService};
use crate::{
    Closed,
    descriptors::Taken,
    order::Order,
    service_load::ServiceLoad,
    slot::{Picked, Route, Slot},
};
use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use weir_core::{Failure, Lease};

/// Datagrams of each side after which a flow counts as a conversation, which may pause for longer.
pub(super) const ASSURED: u32 = 2;

/// One client of a UDP frontend and the endpoint that it got.
pub(crate) struct UdpFlow {
    pub(super) client: SocketAddr,
    pub(super) endpoint: SocketAddr,
    pub(super) upstream: BatchSocket,
    /// From which its client hears replies.
    reply_socket: Rc<ReplySocket>,
    /// Its place among the flows of the batch that is being forwarded, if it is there.
    pub(super) place: Cell<usize>,
    most_segment_to_endpoint: Cell<usize>,
    most_segment_to_client: Cell<usize>,
    /// The Service port that placed it.
    slot: Arc<Slot>,
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
    pub(super) end: Order,
    /// Counts the flow as load of its endpoint.
    lease: Lease,
    room: Room,
}

/// What a flow takes of what is limited.
pub(super) struct Room {
    /// The descriptor of its socket.
    pub(super) _taken: Taken,
    /// That it counts as one of its client's, if those are limited.
    pub(super) of_client: Option<OfClient>,
}

/// One flow of a client, counted for as long as this lives.
pub(super) struct OfClient {
    pub(super) service: Arc<ServiceLoad>,
    pub(super) client: IpAddr,
}

impl Drop for OfClient {
    fn drop(&mut self) {
        self.service.flows.remove(self.client);
    }
}

impl UdpFlow {
    /// A flow that begins now; `upstream` is connected to the picked endpoint.
    pub(super) fn new(
        client: SocketAddr,
        picked: Picked,
        (upstream, reply_socket): (BatchSocket, Rc<ReplySocket>),
        (slot, route): (&Arc<Slot>, &Route),
        room: Room,
    ) -> Self {
        Self {
            client,
            endpoint: picked.address,
            upstream,
            most_segment_to_client: Cell::new(reply_socket.most_segment()),
            reply_socket,
            place: Cell::new(0),
            most_segment_to_endpoint: Cell::new(usize::MAX),
            slot: Arc::clone(slot),
            epoch: Cell::new(route.epoch),
            last_active: Cell::new(Instant::now()),
            from_client: Cell::new(0),
            from_endpoint: Cell::new(0),
            timeout: route.port.settings.udp_idle_timeout,
            assured_timeout: route.port.settings.udp_assured_timeout,
            refused: Cell::new(false),
            end: Order::default(),
            lease: picked.lease,
            room,
        }
    }

    /// Whose flow it is, if the flows of a client are limited.
    pub(super) fn counted(&self) -> Option<ClientOfService> {
        self.room.of_client.as_ref().map(|of| (Arc::as_ptr(&of.service), of.client))
    }

    /// Why the flow cannot stay with its endpoint. Costs comparisons only while the Snapshot is the same.
    ///
    /// `slot` is the Service port that its address belongs to now, and `route` that port's route.
    pub(super) fn must_move(&self, slot: &Arc<Slot>, route: &Route) -> Option<Closed> {
        if self.refused.get() {
            return Some(Closed::ConnectRefused);
        }
        if !Arc::ptr_eq(&self.slot, slot) {
            return Some(Closed::FrontendRemoved);
        }
        if self.end.given().is_none() && self.epoch.replace(route.epoch) == route.epoch {
            return None;
        }
        self.end.given().or_else(|| (!route.serves(self.endpoint)).then_some(Closed::EndpointRemoved))
    }

    /// How datagrams get to the endpoint.
    pub(super) fn to_endpoint(&self) -> Way<'_> {
        Way {
            socket: self.upstream.descriptor(),
            to: None,
            ipv6: self.endpoint.is_ipv6(),
            most_segment: &self.most_segment_to_endpoint,
        }
    }

    /// How datagrams get to the client.
    pub(super) fn to_client(&self) -> Way<'_> {
        Way {
            socket: self.reply_socket.descriptor(),
            to: Some(self.client),
            ipv6: self.client.is_ipv6(),
            most_segment: &self.most_segment_to_client,
        }
    }

    /// Notes that the endpoint refuses; the flow leaves it with its next datagram. Returns whether that ejected it.
    pub(super) fn refuse(&self) -> bool {
        let first = !self.refused.replace(true);
        first && self.lease.load().failed(Instant::now().into_std(), Duration::ZERO, Failure::Refused)
    }

    /// Notes that datagrams of the client went to the endpoint.
    pub(super) fn client_spoke(&self, datagrams: usize) {
        self.spoke(&self.from_client, datagrams);
    }

    /// Notes that datagrams of the endpoint came.
    pub(super) fn endpoint_spoke(&self, datagrams: usize) {
        if datagrams > 0 && self.from_endpoint.get() == 0 {
            self.lease.load().answered(Instant::now().into_std());
        }
        self.spoke(&self.from_endpoint, datagrams);
    }

    fn spoke(&self, side: &Cell<u32>, datagrams: usize) {
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
        let assured = self.from_client.get() >= ASSURED && self.from_endpoint.get() >= ASSURED;
        self.last_active.get() + if assured { self.assured_timeout } else { self.timeout }
    }
}
