//! What is known of a live connection?

use super::{close_signal::CloseSignal, frontend::LocalFrontend};
use crate::{
    limits::admission::ConnectionPermit,
    shared::command::{ConnectionInfo, TICK},
    telemetry::close_reason::Closed,
};
use std::{
    cell::{Cell, OnceCell},
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::time;
use weir_core::{
    EndpointRemoved, Flow, HALF_CLOSED_TIMEOUT,
    termination::{lifetime, time_left},
};

/// A live connection as its worker sees it: enough to list it and to end it from outside.
pub(crate) struct Connection {
    /// Its number on its worker.
    pub(crate) id: u64,
    pub(crate) frontend: Rc<LocalFrontend>,
    pub(crate) flow: Flow,
    /// The address that its packets come from, if another proxy speaks for the client of the flow.
    spoken_for_by: OnceCell<Box<IpAddr>>,
    pub(crate) opened: Instant,
    /// Its place in the process, until it ends.
    pub(crate) permit: Cell<Option<ConnectionPermit>>,
    /// Set once an endpoint accepted.
    pub(crate) endpoint: Cell<Option<SocketAddr>>,
    pub(crate) to_endpoint: Cell<u64>,
    pub(crate) to_client: Cell<u64>,
    /// Tells it to end.
    pub(crate) close_signal: CloseSignal,
    /// Whether it has just become old enough for its siblings to be watched.
    matured: Cell<bool>,
    idle_timeout: Duration,
    last_active: Cell<time::Instant>,
    half_closed: Cell<bool>,
    /// When it ends whatever happens.
    ends_at: Cell<Option<Instant>>,
    /// What its end is called then.
    ends_as: Cell<Closed>,
}

impl Connection {
    pub(crate) fn new(id: u64, frontend: Rc<LocalFrontend>, flow: Flow) -> Rc<Self> {
        let now = time::Instant::now();
        let routing = frontend.runtime.routing();
        let settings = &routing.port.settings;
        let ends_at = settings.max_connection_age.map(|age| now.into_std() + lifetime(age, rand::random()));
        Rc::new(Self {
            id,
            flow,
            spoken_for_by: OnceCell::new(),
            opened: now.into_std(),
            permit: Cell::default(),
            endpoint: Cell::default(),
            to_endpoint: Cell::default(),
            to_client: Cell::default(),
            close_signal: CloseSignal::default(),
            matured: Cell::default(),
            idle_timeout: settings.idle_timeout,
            last_active: Cell::new(now),
            half_closed: Cell::default(),
            ends_at: Cell::new(ends_at),
            ends_as: Cell::new(Closed::MaxAge),
            frontend,
        })
    }

    /// The same connection for a client for which its peer speaks. Its time begins anew.
    pub(crate) fn speaking_for(&self, client: SocketAddr) -> Rc<Self> {
        let flow = self.frontend.flow(self.flow.protocol, client);
        let connection = Self::new(self.id, Rc::clone(&self.frontend), flow);
        connection.spoken_for_by.get_or_init(|| Box::new(self.peer()));
        connection.permit.set(self.permit.take());
        connection
    }

    /// The address that its packets come from: the one that counts where packets from elsewhere are not let in.
    pub(crate) fn peer(&self) -> IpAddr {
        self.spoken_for_by.get().map_or(self.flow.client.ip(), |peer| **peer)
    }

    /// The same with its port, or 0 where that is not known any more.
    pub(crate) fn source(&self) -> SocketAddr {
        match self.spoken_for_by.get() {
            Some(peer) => SocketAddr::new(**peer, 0),
            None => self.flow.client,
        }
    }

    /// Notes that bytes moved or that a side ended.
    pub(crate) fn record_activity(&self, now: time::Instant) {
        self.last_active.set(now);
    }

    /// Notes that one side has ended: the connection may be silent for less long from now on.
    pub(crate) fn mark_half_closed(&self) {
        self.half_closed.set(true);
    }

    /// Notes that it has lived for long enough to be worth more care, and has its task look.
    pub(crate) fn mark_mature(&self) {
        self.matured.set(true);
        self.close_signal.wake();
    }

    /// Whether it has grown since the last look.
    pub(crate) fn has_matured(&self) -> bool {
        self.matured.take()
    }

    /// Notes the endpoint that accepted. It may have been removed while it was being dialled.
    pub(crate) fn record_endpoint(&self, address: SocketAddr) {
        self.endpoint.set(Some(address));
        if let Some(rule) = self.frontend.runtime.if_removed(address) {
            self.mark_endpoint_removed(rule);
        }
    }

    /// Notes that its endpoint was removed; returns whether its deadline has become an earlier one.
    pub(crate) fn mark_endpoint_removed(&self, rule: EndpointRemoved) -> bool {
        match time_left(rule, rand::random()) {
            None => false,
            Some(Duration::ZERO) => {
                self.close_signal.send(Closed::EndpointRemoved);
                false
            }
            Some(left) => {
                let at = time::Instant::now().into_std() + left;
                let earlier = self.ends_at.get().is_none_or(|known| at < known);
                if earlier {
                    self.ends_at.set(Some(at));
                    self.ends_as.set(Closed::EndpointRemoved);
                }
                earlier
            }
        }
    }

    /// When it must end, by what is known now.
    pub(crate) fn deadline(&self) -> Instant {
        let silent = self.idle_deadline();
        self.ends_at.get().map_or(silent, |ends_at| silent.min(ends_at))
    }

    /// When it has been silent for too long. Never too early: it may have been active up to a tick later than is known.
    fn idle_deadline(&self) -> Instant {
        let max = if self.half_closed.get() { HALF_CLOSED_TIMEOUT } else { Duration::MAX };
        self.last_active.get().into_std() + self.idle_timeout.min(max) + TICK
    }

    /// What its end is called if its deadline has come.
    pub(crate) fn overdue(&self, now: Instant) -> Closed {
        match self.ends_at.get() {
            Some(ends_at) if ends_at <= now => self.ends_as.get(),
            _ if self.half_closed.get() => Closed::HalfClosedTimeout,
            _ => Closed::IdleTimeout,
        }
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
