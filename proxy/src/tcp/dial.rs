//! How does a client get connected to an endpoint?

use super::{
    race::{Attempt, Ended, Race, classify},
    relay::Half,
    tried::Tried,
};
use crate::{
    Closed,
    connection::Connection,
    descriptors::Taken,
    slot::{Picked, Route},
};
use std::{
    future::poll_fn,
    mem,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{io::Interest, net::TcpStream};
use weir_core::{
    Dial, Failure, Lease, Load, Request,
    dial::{MAX_ATTEMPTS, Step},
};

/// A client and its endpoint, which has accepted.
pub(crate) struct Connected {
    pub(crate) client: TcpStream,
    pub(crate) upstream: TcpStream,
    pub(crate) address: SocketAddr,
    pub(crate) lease: Lease,
}

/// How long a client in the queue waits before it looks by itself: another Service may share an endpoint.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// A client on its way to an endpoint, and what that way has been so far. It is kept until a byte is relayed: until then the
/// client can be given to another endpoint without noticing.
pub(crate) struct Dialled {
    /// Not here while it is relayed.
    pub(super) client: Option<TcpStream>,
    /// What was read from it and not delivered.
    pub(super) request: Half,
    dial: Dial,
    tried: Tried,
    race: Race,
    failure: Closed,
}

/// The endpoint of an attempt that failed, and after how long.
struct Failed<'a> {
    address: SocketAddr,
    load: &'a Load,
    took: Duration,
}

/// What there is to do next.
enum Next {
    /// Wait for the attempts under way, until then.
    Wait(Instant),
    /// Wait for an endpoint that has room.
    WaitForRoom,
}

/// Whose turn it is when clients wait for an endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Theirs.
    Newcomer,
    /// Its own: it has waited.
    First,
}

impl Dialled {
    /// Nothing was tried yet.
    pub(super) fn new(connection: &Connection, client: TcpStream) -> Box<Self> {
        let timeout = connection.frontend.slot.route().port.settings.connect_timeout;
        Box::new(Self {
            client: Some(client),
            request: Half::default(),
            dial: Dial::start(connection.opened, timeout),
            tried: Tried::none(),
            race: Race::default(),
            failure: Closed::NoEndpoints,
        })
    }

    /// Connects to an endpoint; on failure to another one, and to another one beside it if it does not answer soon, for as
    /// long as [`Dial`] allows. A client that leaves ends the attempts.
    pub(super) async fn connect(&mut self, connection: &Connection) -> Result<Connected, Closed> {
        let mut now = if self.tried.len() == 0 { connection.opened } else { Instant::now() };
        loop {
            let until = match self.advance(connection, now, Turn::Newcomer)? {
                Next::Wait(until) => until,
                Next::WaitForRoom => {
                    now = self.wait_for_room(connection).await?;
                    continue;
                }
            };
            let ended = tokio::select! {
                biased;
                ended = poll_fn(|context| self.race.poll(context)) => Some(ended),
                reason = gone(self.client.as_ref()) => return Err(reason),
                reason = connection.order.wait() => return Err(reason),
                () = tokio::time::sleep_until(until.into()) => None,
            };
            now = Instant::now();
            if let Some(connected) = ended.and_then(|ended| self.judge(connection, ended, now)) {
                return Ok(connected);
            }
        }
    }

    /// Ends it: nobody can serve the client. It was accepted, so that it gets a reset, never a clean end.
    pub(super) fn refuse(self: Box<Self>, reason: Closed) -> Closed {
        let _ = self.client.map(|client| client.set_zero_linger());
        reason
    }

    /// Takes note that the endpoint reset the connection before a byte was relayed; returns whether another may be tried.
    pub(crate) fn was_reset(&mut self, connection: &Connection, lease: &Lease) -> bool {
        let now = Instant::now();
        let Some(address) = connection.endpoint.take() else { return false };
        if now >= self.dial.deadline() {
            // It took its time: it may well reset whoever says nothing.
            return false;
        }
        self.failed(
            connection,
            Failed { address, load: lease.load(), took: Duration::ZERO },
            now,
            Ok(Failure::Reset),
        );
        self.tried.len() < MAX_ATTEMPTS
    }

    /// Begins the attempts that are due, by the newest route.
    fn advance(&mut self, connection: &Connection, now: Instant, turn: Turn) -> Result<Next, Closed> {
        let slot = &connection.frontend.slot;
        let route = slot.route();
        let traffic = match connection.frontend.traffic(&route, connection.peer()) {
            Ok(traffic) => traffic,
            Err(reason) if self.race.is_empty() => return Err(reason),
            Err(_) => return Ok(Next::Wait(self.dial.deadline())),
        };
        let Some(balancer) = route.balancer(traffic) else { return Err(self.failure) };
        if turn == Turn::Newcomer && !slot.queue.is_empty() && self.race.is_empty() {
            return Ok(Next::WaitForRoom);
        }
        let is_tried = |&&address: &&SocketAddr| balancer.position(address).is_some();
        loop {
            let untried = balancer.targets().len() - self.tried.as_slice().iter().filter(is_tried).count();
            match self.dial.step(now, untried) {
                Step::GiveUp => return Err(self.give_up(connection, now)),
                Step::Wait(until) => return Ok(Next::Wait(until)),
                Step::Attempt => {}
            }
            // The connection has a place for one socket to an endpoint; another one at the same time is extra.
            let extra =
                (!self.race.is_empty()).then(|| connection.frontend.worker.admission.descriptors.take(1));
            if matches!(extra, Some(None)) {
                return Ok(Next::Wait(now + LOOK_AGAIN));
            }
            let tried = self.tried.as_slice();
            let request = Request { flow: &connection.flow, now, entropy: rand::random(), tried };
            match slot.pick(&route, traffic, &request) {
                Some(picked) => self.begin(connection, &route, picked, now, extra.flatten()),
                None if !self.race.is_empty() => return Ok(Next::Wait(self.dial.deadline())),
                None if balancer.is_full(tried) => return Ok(Next::WaitForRoom),
                None => return Err(self.failure),
            }
        }
    }

    fn begin(
        &mut self,
        connection: &Connection,
        route: &Route,
        picked: Picked,
        now: Instant,
        extra: Option<Taken>,
    ) {
        self.tried.push(picked.address);
        let counters = &connection.frontend.worker.counters;
        match (self.race.is_empty(), self.tried.len()) {
            (true, 1) => {}
            (true, _) => counters.retried.increment(1),
            (false, _) => counters.hedged.increment(1),
        }
        self.dial.begun(now, picked.lease.load().smoothed().mean());
        if picked.lease.load().is_forbidden() {
            let failed = Failed { address: picked.address, load: picked.lease.load(), took: Duration::ZERO };
            return self.failed(connection, failed, now, Err(Closed::LoopRefused));
        }
        let egress = connection.frontend.egress(route, connection.source(), picked.address);
        match Attempt::begin(picked, egress, now, extra) {
            Ok(attempt) => self.race.add(attempt),
            Err((picked, error)) => {
                let failed =
                    Failed { address: picked.address, load: picked.lease.load(), took: Duration::ZERO };
                self.failed(connection, failed, now, classify(&error));
            }
        }
    }

    /// What an attempt that has ended led to. Those that were slower than the one that succeeded have failed.
    fn judge(&mut self, connection: &Connection, ended: Ended, now: Instant) -> Option<Connected> {
        let took = ended.attempt.took(now);
        let Attempt { picked, stream, .. } = ended.attempt;
        if let Some(error) = ended.error {
            let failed = Failed { address: picked.address, load: picked.lease.load(), took };
            self.failed(connection, failed, now, classify(&error));
            return None;
        }
        let counters = &connection.frontend.worker.counters;
        counters.attempt(None);
        counters.connect_duration.record(took);
        picked.lease.load().connected(now, took);
        if !self.race.is_empty() {
            connection.frontend.slot.landed(connection.flow.client.ip(), picked.address, now);
            self.end_race(connection, now);
        }
        self.dial.won();
        let client = self.client.take()?;
        Some(Connected { client, upstream: stream, address: picked.address, lease: picked.lease })
    }

    fn give_up(&mut self, connection: &Connection, now: Instant) -> Closed {
        self.end_race(connection, now);
        self.failure
    }

    /// Ends the attempts under way. Their endpoints have not answered for long enough for another one to be tried.
    fn end_race(&mut self, connection: &Connection, now: Instant) {
        for attempt in mem::take(&mut self.race).into_attempts() {
            let (took, Picked { address, lease }) = (attempt.took(now), attempt.picked);
            self.failed(connection, Failed { address, load: lease.load(), took }, now, Ok(Failure::TimedOut));
        }
    }

    fn failed(
        &mut self,
        connection: &Connection,
        Failed { address, load, took }: Failed<'_>,
        now: Instant,
        failure: Result<Failure, Closed>,
    ) {
        self.failure = failure.map_or_else(|limit| limit, Closed::from);
        self.dial.failed(now);
        let counters = &connection.frontend.worker.counters;
        counters.attempt(Some(self.failure));
        let service = || connection.frontend.port_key();
        tracing::debug!(endpoint = %address, service = %service(), reason = %self.failure, "endpoint not reached");
        // What this host lacks is not the endpoint's fault.
        let Ok(failure) = failure else { return };
        if load.failed(now, took, failure) {
            counters.ejections.increment(1);
            let service = service();
            tracing::info!(endpoint = %address, %service, reason = %failure, "endpoint ejected: it cannot be reached");
        }
    }

    /// Waits until an endpoint has room, and begins an attempt with it; returns when that was.
    async fn wait_for_room(&mut self, connection: &Connection) -> Result<Instant, Closed> {
        let slot = &connection.frontend.slot;
        let limits = slot.route().port.settings.limits;
        let mut now = Instant::now();
        let waiting = slot.queue.enter(limits.queue, now, limits.queue_timeout).ok_or(Closed::QueueFull)?;
        let _shown = connection.frontend.worker.counters.wait();
        while let Some(left) = waiting.left(now) {
            tokio::select! {
                biased;
                reason = gone(self.client.as_ref()) => return Err(reason),
                reason = connection.order.wait() => return Err(reason),
                _ = tokio::time::timeout(left.min(LOOK_AGAIN), slot.room.notified()) => {}
            }
            now = Instant::now();
            self.dial.postpone(now);
            if let Next::Wait(_) = self.advance(connection, now, Turn::First)? {
                return Ok(now);
            }
        }
        Err(Closed::QueueTimeout)
    }
}

/// Resolves when the client has reset its connection. A client that only ended its sending side still wants an answer.
async fn gone(client: Option<&TcpStream>) -> Closed {
    let Some(client) = client else { return Closed::ClientGone };
    match client.ready(Interest::ERROR).await {
        Ok(_) => Closed::ClientGone,
        Err(_) => Closed::LocalLimit,
    }
}
