//! What is known of a live connection?

use crate::{Closed, admission::Admitted, frontend::Frontend, order::Order, worker::TICK};
use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::time;
use weir_core::{Flow, PortKey, settings::HALF_CLOSED_TIMEOUT};

/// A live connection as its worker sees it: enough to list it and to end it from outside.
pub(crate) struct Connection {
    /// Its number on its worker.
    pub(crate) id: u64,
    pub(crate) frontend: Rc<Frontend>,
    pub(crate) flow: Flow,
    pub(crate) opened: Instant,
    /// Its place in the process, until it ends.
    pub(crate) place: Cell<Option<Admitted>>,
    /// Set once an endpoint accepted.
    pub(crate) endpoint: Cell<Option<SocketAddr>>,
    pub(crate) to_endpoint: Cell<u64>,
    pub(crate) to_client: Cell<u64>,
    /// Tells it to end.
    pub(crate) order: Order,
    /// Whether it has just become old enough for its peers to be watched.
    grown: Cell<bool>,
    idle_timeout: Duration,
    last_active: Cell<time::Instant>,
    half_closed: Cell<bool>,
}

impl Connection {
    pub(crate) fn new(id: u64, frontend: Rc<Frontend>, flow: Flow) -> Rc<Self> {
        let now = time::Instant::now();
        Rc::new(Self {
            id,
            flow,
            opened: now.into_std(),
            place: Cell::default(),
            endpoint: Cell::default(),
            to_endpoint: Cell::default(),
            to_client: Cell::default(),
            order: Order::default(),
            grown: Cell::default(),
            idle_timeout: frontend.slot.route().port.settings.idle_timeout,
            last_active: Cell::new(now),
            half_closed: Cell::default(),
            frontend,
        })
    }

    /// Notes that bytes moved or that a side ended.
    pub(crate) fn note_active(&self) {
        self.last_active.set(self.frontend.worker.clock.get());
    }

    /// Notes that one side has ended: the connection may be silent for less long from now on.
    pub(crate) fn note_half_closed(&self) {
        self.half_closed.set(true);
    }

    /// Notes that it has lived for long enough to be worth more care, and has its task look.
    pub(crate) fn note_grown(&self) {
        self.grown.set(true);
        self.order.wake();
    }

    /// Whether it has grown since the last look.
    pub(crate) fn has_grown(&self) -> bool {
        self.grown.take()
    }

    /// When it has been silent for too long. Never too early: it may have been active up to a tick later than is known.
    pub(crate) fn deadline(&self) -> Instant {
        let most = if self.half_closed.get() { HALF_CLOSED_TIMEOUT } else { Duration::MAX };
        self.last_active.get().into_std() + self.idle_timeout.min(most) + TICK
    }

    /// What its end is called if it has been silent for too long.
    pub(crate) fn silence(&self) -> Closed {
        if self.half_closed.get() { Closed::HalfClosedTimeout } else { Closed::IdleTimeout }
    }

    /// Logs that it has ended.
    pub(crate) fn log_end(&self, reason: Closed) {
        tracing::debug!(
            client = %self.flow.client, frontend = %self.flow.frontend, service = %self.frontend.port_key(),
            endpoint = ?self.endpoint.get(), to_endpoint = self.to_endpoint.get(),
            to_client = self.to_client.get(), %reason, "connection closed"
        );
    }

    /// A copy for other threads.
    pub(crate) fn info(&self) -> ConnectionInfo {
        ConnectionInfo {
            flow: self.flow,
            port: self.frontend.port_key(),
            endpoint: self.endpoint.get(),
            opened: self.opened,
            to_endpoint: self.to_endpoint.get(),
            to_client: self.to_client.get(),
        }
    }
}

/// One live connection, as listed by [`crate::Proxy::connections`].
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The connection as the client sees it.
    pub flow: Flow,
    /// The Service port that it came through.
    pub port: PortKey,
    /// The endpoint; `None` while it is being dialled.
    pub endpoint: Option<SocketAddr>,
    /// When it was accepted.
    pub opened: Instant,
    /// Bytes relayed to the endpoint.
    pub to_endpoint: u64,
    /// Bytes relayed to the client.
    pub to_client: u64,
}
