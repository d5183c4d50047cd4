//! What is one client's UDP mapping, and how long does it live?

use crate::{
    Closed,
    order::Order,
    slot::{Picked, Route, Slot},
};
use socket2::SockRef;
use std::{
    cell::Cell,
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{io::ReadBuf, net::UdpSocket, time::Instant};
use weir_core::Lease;

/// Datagrams of each side after which a flow counts as a conversation, which may pause for longer.
pub(super) const ASSURED: u32 = 2;

/// One client of a UDP frontend and the endpoint that it got.
pub(crate) struct UdpFlow {
    pub(super) client: SocketAddr,
    pub(super) endpoint: SocketAddr,
    upstream: UdpSocket,
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
    _lease: Lease,
}

impl UdpFlow {
    /// A flow that begins now; `upstream` is connected to the picked endpoint.
    pub(super) fn new(
        client: SocketAddr,
        picked: Picked,
        upstream: UdpSocket,
        slot: &Arc<Slot>,
        route: &Route,
    ) -> Self {
        Self {
            client,
            endpoint: picked.address,
            upstream,
            slot: Arc::clone(slot),
            epoch: Cell::new(route.epoch),
            last_active: Cell::new(Instant::now()),
            from_client: Cell::new(0),
            from_endpoint: Cell::new(0),
            timeout: route.port.settings.udp_idle_timeout,
            assured_timeout: route.port.settings.udp_assured_timeout,
            refused: Cell::new(false),
            end: Order::default(),
            _lease: picked.lease,
        }
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

    /// Sends a client's datagram to the endpoint.
    pub(super) fn send(&self, datagram: &[u8]) -> io::Result<()> {
        // Not through the runtime: it would wait to hear that the new socket is writable, and this one just is.
        SockRef::from(&self.upstream).send(datagram)?;
        self.spoke(&self.from_client);
        Ok(())
    }

    /// Receives a datagram of the endpoint. An endpoint that refuses is noted, and loses the flow.
    pub(super) fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let received = ready!(self.upstream.poll_recv(context, buffer));
        match &received {
            Ok(()) => self.spoke(&self.from_endpoint),
            Err(error) if super::is_refused(error) => self.refused.set(true),
            // The host or network is unreachable for now; the flow lives until it is idle for too long.
            Err(_) => {}
        }
        Poll::Ready(received)
    }

    fn spoke(&self, side: &Cell<u32>) {
        self.last_active.set(Instant::now());
        side.set(side.get().saturating_add(1));
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
