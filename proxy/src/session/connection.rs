//! What is known of a live connection?

use super::{close_signal::CloseSignal, closed_ring::ClosedConnection, frontend::LocalFrontend};
use crate::{
    limits::admission::ConnectionPermit,
    shared::{
        command::TICK,
        connection_info::{ConnectionFilter, ConnectionId, ConnectionInfo, ServedPort},
    },
    telemetry::close_reason::Closed,
};
use std::{
    cell::{Cell, OnceCell},
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::time;
use tracing::field;
use weir_core::{
    EndpointRemoved, Flow,
    termination::{LINGER_TIMEOUT, lifetime, time_left},
};

/// A live connection: all that its worker needs to list it and to end it from outside.
pub(crate) struct Connection {
    /// Number of the connection on its worker.
    pub(crate) id: u64,
    pub(crate) frontend: Rc<LocalFrontend>,
    pub(crate) flow: Flow,
    /// Address of the proxy that speaks for the client by a PROXY protocol header; unset for a client that connected
    /// itself.
    spoken_for_by: OnceCell<Box<IpAddr>>,
    pub(crate) opened: Instant,
    /// Permit of the connection, until the end.
    pub(crate) permit: Cell<Option<ConnectionPermit>>,
    /// Endpoint; `None` until one has accepted.
    pub(crate) endpoint: Cell<Option<SocketAddr>>,
    /// Attempts to reach an endpoint so far.
    attempts: Cell<u8>,
    /// Microseconds until an endpoint had accepted.
    connect_micros: Cell<Option<NonZeroU32>>,
    pub(crate) to_endpoint: Cell<u64>,
    pub(crate) to_client: Cell<u64>,
    /// Ends the task of the connection.
    pub(crate) close_signal: CloseSignal,
    peers: Cell<Peers>,
    /// Milliseconds that the connection may be silent: up to 49 days, more than a Service may ask for.
    idle_millis: Cell<u32>,
    last_active: Cell<time::Instant>,
    /// Close reason of a connection that was silent for too long.
    silent_as: Cell<Closed>,
    /// Time at which the connection ends at the latest, by its age or the removal of its endpoint.
    ends_at: Cell<Option<Instant>>,
    /// Close reason at `ends_at`.
    ends_as: Cell<Closed>,
}

/// Whether the peers of a connection are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Peers {
    /// Not at all: most connections end before anything could be noticed.
    #[default]
    Young,
    /// The connection has just become old enough (keepalive is set then).
    Matured,
    /// By keepalive only: nothing waits to be acknowledged.
    Idle,
    /// Something may wait to be acknowledged.
    Watched,
    /// As [`Self::Watched`], and it is time to look.
    Due,
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
            attempts: Cell::default(),
            connect_micros: Cell::default(),
            to_endpoint: Cell::default(),
            to_client: Cell::default(),
            close_signal: CloseSignal::default(),
            peers: Cell::default(),
            idle_millis: Cell::new(as_millis(settings.idle_timeout)),
            last_active: Cell::new(now),
            silent_as: Cell::new(Closed::IdleTimeout),
            ends_at: Cell::new(ends_at),
            ends_as: Cell::new(Closed::MaxAge),
            frontend,
        })
    }

    /// Creates a connection for the client that the peer speaks for, with the number and the permit of this one.
    /// Time-outs begin anew.
    pub(crate) fn speaking_for(&self, client: SocketAddr) -> Rc<Self> {
        let flow = self.frontend.flow(self.flow.protocol, client);
        let connection = Self::new(self.id, Rc::clone(&self.frontend), flow);
        connection.spoken_for_by.get_or_init(|| Box::new(self.peer()));
        connection.permit.set(self.permit.take());
        connection.peers.set(self.peers.get());
        connection
    }

    /// IP address of the peer: the client's, or that of the proxy that speaks for the client. Source ranges go by this
    /// address.
    pub(crate) fn peer(&self) -> IpAddr {
        self.spoken_for_by.get().map_or(self.flow.client.ip(), |peer| **peer)
    }

    /// Address and port of the peer; port 0 for a proxy that speaks for the client.
    pub(crate) fn source(&self) -> SocketAddr {
        match self.spoken_for_by.get() {
            Some(peer) => SocketAddr::new(**peer, 0),
            None => self.flow.client,
        }
    }

    /// Records that bytes moved or that a side ended.
    pub(crate) fn record_activity(&self, now: time::Instant) {
        self.last_active.set(now);
    }

    /// Marks one side as ended: the connection may be silent for less long from now on.
    pub(crate) fn mark_half_closed(&self) {
        let most = self.frontend.runtime.routing().port.settings.half_closed_timeout;
        self.shorten_silence(most);
        self.silent_as.set(Closed::HalfClosedTimeout);
    }

    fn shorten_silence(&self, most: Duration) {
        self.idle_millis.set(self.idle_millis.get().min(as_millis(most)));
    }

    /// Marks one side as failed: the connection only delivers what that side has said, and ends for `reason`. Returns
    /// whether that is new, and the deadline earlier.
    pub(crate) fn mark_failed(&self, reason: Closed, now: time::Instant) -> bool {
        let is_new = self.silent_as.replace(reason) != reason;
        if is_new {
            self.shorten_silence(LINGER_TIMEOUT);
            self.last_active.set(now);
        }
        is_new
    }

    /// Marks the connection as old enough for its peers to be watched, and wakes the task.
    pub(crate) fn mark_mature(&self) {
        self.peers.set(Peers::Matured);
        self.close_signal.wake();
    }

    /// Whether the connection was marked as mature since the last call. Its peers may be watched from now on.
    pub(crate) fn has_matured(&self) -> bool {
        self.was(Peers::Matured, Peers::Idle)
    }

    /// Marks the watched peers to be looked at, and wakes the task.
    pub(crate) fn mark_look(&self) {
        self.peers.set(Peers::Due);
        self.close_signal.wake();
    }

    /// Whether the peers were marked to be looked at since the last call.
    pub(crate) fn must_look(&self) -> bool {
        self.was(Peers::Due, Peers::Watched)
    }

    fn was(&self, state: Peers, next: Peers) -> bool {
        let was = self.peers.get() == state;
        if was {
            self.peers.set(next);
        }
        was
    }

    /// Whether the peers may be watched and are not.
    pub(crate) fn may_watch_peers(&self) -> bool {
        self.peers.get() == Peers::Idle
    }

    /// Whether the peers are watched.
    pub(crate) fn are_peers_watched(&self) -> bool {
        matches!(self.peers.get(), Peers::Watched | Peers::Due)
    }

    /// Records whether the peers are watched.
    pub(crate) fn set_peers_watched(&self, watched: bool) {
        self.peers.set(if watched { Peers::Watched } else { Peers::Idle });
    }

    /// Time without an answer after which a peer counts as dead.
    pub(crate) fn dead_peer_timeout(&self) -> Duration {
        self.frontend.runtime.routing().port.settings.dead_peer_timeout
    }

    /// Time of the last activity, at most a tick too early.
    pub(crate) fn last_active(&self) -> Instant {
        self.last_active.get().into_std()
    }

    /// Counts an attempt to reach an endpoint.
    pub(crate) fn count_attempt(&self) {
        self.attempts.set(self.attempts.get().saturating_add(1));
    }

    /// Records the time from the beginning of the connection until an endpoint accepted.
    pub(crate) fn record_connect_time(&self, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.connect_micros.set(NonZeroU32::new(micros.max(1)));
    }

    fn connect_time(&self) -> Option<Duration> {
        self.connect_micros.get().map(|micros| Duration::from_micros(micros.get().into()))
    }

    /// Records the endpoint that accepted, and applies the rule for removed endpoints if it was removed during the
    /// connect.
    pub(crate) fn record_endpoint(&self, address: SocketAddr) {
        self.endpoint.set(Some(address));
        if let Some(rule) = self.frontend.runtime.if_removed(address) {
            self.mark_endpoint_removed(rule);
        }
    }

    /// Applies the rule for removed endpoints; returns whether the deadline became earlier.
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

    /// Time at which the connection must end, by its activity so far.
    pub(crate) fn deadline(&self) -> Instant {
        let silent = self.idle_deadline();
        self.ends_at.get().map_or(silent, |ends_at| silent.min(ends_at))
    }

    /// Time at which the connection has been silent for too long. Never too early: the last activity may be up to a
    /// tick later than recorded.
    fn idle_deadline(&self) -> Instant {
        self.last_active.get().into_std() + Duration::from_millis(self.idle_millis.get().into()) + TICK
    }

    /// Close reason of a connection whose deadline has come.
    pub(crate) fn overdue(&self, now: Instant) -> Closed {
        match self.ends_at.get() {
            Some(ends_at) if ends_at <= now => self.ends_as.get(),
            _ => self.silent_as.get(),
        }
    }

    /// Logs the end of the connection.
    pub(crate) fn log_end(&self, reason: Closed) {
        tracing::debug!(
            client = %self.flow.client, frontend = %self.flow.frontend, service = %self.frontend.port_key(),
            endpoint = self.endpoint.get().map(field::display), attempts = self.attempts.get(),
            connect_time = self.connect_time().map(field::debug), duration = ?self.opened.elapsed(),
            to_endpoint = self.to_endpoint.get(), to_client = self.to_client.get(), %reason,
            "connection closed"
        );
    }

    /// Whether the connection is asked for.
    pub(crate) fn matches(&self, filter: &ConnectionFilter) -> bool {
        let (port, client) = (self.frontend.served_port(), self.flow.client.ip());
        filter.matches(port, client, self.endpoint.get(), self.opened)
    }

    /// Copies the data of the connection for other threads; `worker` is the number of this one.
    pub(crate) fn info(&self, worker: u16) -> ConnectionInfo {
        let ServedPort { key, number } = &**self.frontend.served_port();
        ConnectionInfo {
            id: ConnectionId { worker, number: self.id },
            flow: self.flow,
            port: key.clone(),
            port_number: *number,
            via: self.via(),
            endpoint: self.endpoint.get(),
            opened: self.opened,
            last_active: self.last_active(),
            connect_time: self.connect_time(),
            attempts: self.attempts.get(),
            to_endpoint: self.to_endpoint.get(),
            to_client: self.to_client.get(),
            end: None,
        }
    }

    /// What is remembered of the connection, which has ended now.
    pub(crate) fn closed(&self, reason: Closed) -> ClosedConnection {
        ClosedConnection {
            number: self.id,
            port: Rc::clone(self.frontend.served_port()),
            flow: self.flow,
            via: self.via(),
            endpoint: self.endpoint.get(),
            opened: self.opened,
            closed: Instant::now(),
            connect_micros: self.connect_micros.get(),
            attempts: self.attempts.get(),
            reason,
            to_endpoint: self.to_endpoint.get(),
            to_client: self.to_client.get(),
        }
    }

    fn via(&self) -> Option<IpAddr> {
        self.spoken_for_by.get().map(|peer| **peer)
    }
}

fn as_millis(time: Duration) -> u32 {
    time.as_millis().try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
