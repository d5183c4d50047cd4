//! What is known of a live connection?

mod account;

use super::{close_signal::CloseSignal, frontend::LocalFrontend};
use crate::{
    limits::admission::ConnectionPermit,
    shared::command::TICK,
    telemetry::{close_reason::Closed, connection_log::logged::LoggedConnection},
};
use std::{
    cell::{Cell, OnceCell},
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    os::fd::{AsRawFd, RawFd},
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::time;
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
    /// Descriptors of the sockets to the client and to the endpoint, as numbers; -1 before there are both.
    sockets: Cell<[RawFd; 2]>,
    /// What the connection log wants to know.
    pub(crate) logged: LoggedConnection,
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
            sockets: Cell::new([-1; 2]),
            logged: LoggedConnection::default(),
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
        connection.logged.continue_from(&self.logged);
        connection
    }

    /// Address of the proxy that speaks for the client; `None` for a client that connected itself.
    pub(crate) fn spoken_for_by(&self) -> Option<IpAddr> {
        self.spoken_for_by.get().map(|peer| **peer)
    }

    /// IP address of the peer: the client's, or that of the proxy that speaks for the client. Source ranges go by this
    /// address.
    pub(crate) fn peer(&self) -> IpAddr {
        self.spoken_for_by().unwrap_or(self.flow.client.ip())
    }

    /// Address and port of the peer; port 0 for a proxy that speaks for the client.
    pub(crate) fn source(&self) -> SocketAddr {
        self.spoken_for_by().map_or(self.flow.client, |peer| SocketAddr::new(peer, 0))
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

    /// Records the sockets of a client and its endpoint.
    pub(crate) fn record_sockets(&self, client: &impl AsRawFd, endpoint: &impl AsRawFd) {
        self.sockets.set([client.as_raw_fd(), endpoint.as_raw_fd()]);
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
}

fn as_millis(time: Duration) -> u32 {
    time.as_millis().try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
