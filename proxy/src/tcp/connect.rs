//! How does a client get connected to an endpoint?

use super::{
    attempted::{Attempted, FailedAttempt},
    hops::Hops,
    pump::Half,
    race::{Attempt, Ended, Race},
};
use crate::{
    limits::descriptor_budget::DescriptorPermit,
    routing::{port_runtime::Selected, routing_table::RoutingTable},
    session::{connection::Connection, connection_context::ConnectionContext},
    shared::connect_fault::ConnectFault,
    sys::{socket::Egress, tcp::Stream},
    telemetry::{close_reason::Closed, port_series::PortCount},
};
use std::{
    future::poll_fn,
    mem,
    net::SocketAddr,
    time::{Duration, Instant},
};
use weir_core::{ConnectFailure, ConnectSchedule, ConnectStep, Lease, MAX_CONNECT_ATTEMPTS, Request};

/// A client and its endpoint, which has accepted.
pub(crate) struct Connected {
    pub(crate) client: Stream,
    pub(crate) upstream: Stream,
    pub(crate) address: SocketAddr,
    pub(crate) lease: Lease,
}

/// Time after which a client in the queue looks by itself: another Service may share an endpoint.
const QUEUE_RECHECK_INTERVAL: Duration = Duration::from_millis(250);

/// A client that is being connected, with its attempts so far. Kept until the endpoint has proven to be of use: until a
/// byte is relayed the client can be given to another one without noticing.
pub(crate) struct ConnectState {
    /// Socket of the client; `None` while it is relayed.
    pub(super) client: Option<Stream>,
    /// Bytes that were read from the client and not delivered.
    pub(super) request: Half,
    dial: ConnectSchedule,
    attempted: Attempted,
    hops: Hops,
    race: Race,
    failure: Closed,
    /// Whether the client may be given to another endpoint: nothing was relayed yet.
    pub(super) may_retry: bool,
    /// When the endpoint that is relayed to accepted.
    pub(super) accepted: Instant,
}

/// The next step for a client that is being connected.
enum Next {
    /// Wait for the attempts under way, until this time.
    Wait(Instant),
    /// Wait for an endpoint that has room.
    WaitForRoom,
}

/// Position of a client while others wait for an endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QueuePosition {
    /// Behind all that wait.
    Newcomer,
    /// First of all, after a wait.
    Front,
}

impl ConnectState {
    /// Starts with no endpoint tried yet.
    pub(super) fn new(connection: &Connection, client: Stream) -> Box<Self> {
        let timeout = connection.frontend.runtime.routing().port.settings.connect_timeout;
        Box::new(Self {
            hops: Hops::of(connection, &client),
            client: Some(client),
            request: Half::default(),
            dial: ConnectSchedule::start(connection.opened, timeout),
            attempted: Attempted::none(),
            race: Race::default(),
            failure: Closed::NoEndpoints,
            may_retry: true,
            accepted: connection.opened,
        })
    }

    /// Connects to an endpoint; on failure to another one, and to another one beside it if it does not answer soon, for as
    /// long as [`ConnectSchedule`] allows. A client that leaves ends the attempts.
    pub(super) async fn connect(&mut self, cx: &ConnectionContext) -> Result<Connected, Closed> {
        self.hops.check(cx)?;
        // The first look at the client's socket tells whether a request has come with the connection.
        tokio::task::yield_now().await;
        let mut now = if self.attempted.len() == 0 { cx.connection.opened } else { Instant::now() };
        loop {
            let Next::Wait(until) = self.advance(cx, now, QueuePosition::Newcomer)? else {
                now = self.wait_for_room(cx).await?;
                continue;
            };
            // An endpoint nearby has answered when the sockets are looked at next. A timer would be set for nothing then, and
            // setting one that is due before all others makes the runtime wake itself by a system call.
            tokio::task::yield_now().await;
            let ended = tokio::select! {
                biased;
                ended = poll_fn(|context| self.race.poll(context)) => Some(ended),
                reason = gone(self.client.as_ref()) => return Err(reason),
                reason = cx.connection.close_signal.wait() => return Err(reason),
                () = tokio::time::sleep_until(until.into()) => None,
            };
            now = Instant::now();
            if let Some(connected) = ended.and_then(|ended| self.judge(cx, ended, now)) {
                return Ok(connected);
            }
        }
    }

    /// Resets a client that no endpoint can serve. The client was accepted, so it must not see a clean end.
    pub(super) fn refuse(self: Box<Self>, cx: &ConnectionContext, reason: Closed) -> Closed {
        let _ = self.client.as_ref().map(Stream::set_zero_linger);
        cx.log_end(reason, [self.client, None]);
        reason
    }

    /// Records that the endpoint reset the connection before a byte was relayed; returns whether another one may be
    /// tried.
    pub(crate) fn may_retry_after_reset(&mut self, cx: &ConnectionContext, lease: &Lease) -> bool {
        let now = Instant::now();
        let Some(address) = cx.connection.endpoint.take() else { return false };
        if now >= self.dial.deadline() {
            // The endpoint took its time: it may well reset a client that says nothing.
            return false;
        }
        let failed = FailedAttempt { address, load: lease.load(), took: Duration::ZERO };
        self.failed(cx, failed, now, ConnectFault::Endpoint(ConnectFailure::Reset));
        self.attempted.len() < MAX_CONNECT_ATTEMPTS && self.hops.take_retry()
    }

    /// Begins the attempts that are due, by the newest routing table.
    fn advance(
        &mut self,
        cx: &ConnectionContext,
        now: Instant,
        position: QueuePosition,
    ) -> Result<Next, Closed> {
        let runtime = &cx.connection.frontend.runtime;
        let routing = runtime.routing();
        let traffic = match cx.connection.frontend.traffic(&routing, cx.connection.peer()) {
            Ok(traffic) => traffic,
            Err(reason) if self.race.is_empty() => return Err(reason),
            Err(_) => return Ok(Next::Wait(self.dial.deadline())),
        };
        let Some(balancer) = routing.balancer(traffic) else { return Err(self.failure) };
        if position == QueuePosition::Newcomer && !runtime.queue.is_empty() && self.race.is_empty() {
            return Ok(Next::WaitForRoom);
        }
        let is_tried = |&&address: &&SocketAddr| balancer.position(address).is_some();
        loop {
            let untried =
                balancer.targets().len() - self.attempted.as_slice().iter().filter(is_tried).count();
            match self.dial.step(now, untried) {
                ConnectStep::GiveUp => {
                    self.end_race(cx, now);
                    return Err(self.failure);
                }
                ConnectStep::Wait(until) => return Ok(Next::Wait(until)),
                ConnectStep::Attempt => {}
            }
            // The permit of the connection covers one socket to an endpoint; another one at the same time is extra.
            let extra = (!self.race.is_empty()).then(|| cx.worker.admission.descriptors.acquire(1));
            if matches!(extra, Some(None)) {
                return Ok(Next::Wait(now + QUEUE_RECHECK_INTERVAL));
            }
            let attempted = self.attempted.as_slice();
            let request =
                Request { flow: &cx.connection.flow, now, entropy: rand::random(), tried: attempted };
            match runtime.pick(&routing, traffic, &request) {
                Some(selected) => self.begin(cx, &routing, selected, now, extra.flatten()),
                None if !self.race.is_empty() => return Ok(Next::Wait(self.dial.deadline())),
                None if balancer.is_full(attempted) => return Ok(Next::WaitForRoom),
                None => return Err(self.failure),
            }
        }
    }

    fn begin(
        &mut self,
        cx: &ConnectionContext,
        routing: &RoutingTable,
        selected: Selected,
        now: Instant,
        extra: Option<DescriptorPermit>,
    ) {
        self.attempted.push(selected.address);
        cx.connection.count_attempt();
        let (unflushed, local_metrics) = (&cx.worker.unflushed, &cx.connection.frontend.local_metrics);
        match (self.race.is_empty(), self.attempted.len()) {
            (true, 1) => {}
            (true, _) => unflushed.retried(local_metrics),
            (false, _) => unflushed.hedged(local_metrics),
        }
        self.dial.begun(now, selected.lease.load().connect_time().mean());
        if selected.lease.load().is_forbidden() {
            let failed = FailedAttempt::of(&selected, Duration::ZERO);
            return self.failed(cx, failed, now, ConnectFault::Loop);
        }
        let (frontend, client) = (&cx.connection.frontend, cx.connection.source());
        let egress = frontend.egress(routing, &cx.worker.port_counters, client, selected.address);
        let bytes_wait = self.client.as_ref().is_some_and(Stream::has_bytes);
        let egress = Egress { hop_limit: self.hops.limit(), bytes_wait, ..egress };
        match Attempt::begin(selected, egress, cx.worker.ephemeral_ports.get(), now, extra) {
            Ok(attempt) => self.race.add(attempt),
            Err((selected, error)) => {
                let failed = FailedAttempt::of(&selected, Duration::ZERO);
                self.failed(cx, failed, now, ConnectFault::of(&error));
            }
        }
    }

    /// Records how an attempt has ended; returns the connected pair after a success. Attempts that were slower have
    /// failed then.
    fn judge(&mut self, cx: &ConnectionContext, ended: Ended, now: Instant) -> Option<Connected> {
        let took = ended.attempt.took(now);
        let Attempt { selected, stream, .. } = ended.attempt;
        if let Some(error) = ended.error {
            let failed = FailedAttempt::of(&selected, took);
            self.failed(cx, failed, now, ConnectFault::of(&error));
            return None;
        }
        cx.worker.unflushed.connected(&cx.connection.frontend.local_metrics, took);
        selected.lease.load().connected(now, took);
        if !self.race.is_empty() {
            cx.connection.frontend.runtime.landed(cx.connection.flow.client.ip(), selected.address, now);
            self.end_race(cx, now);
        }
        self.dial.won();
        cx.connection.record_connect_time(now.saturating_duration_since(cx.connection.opened));
        self.accepted = now;
        let client = self.client.take()?;
        Some(Connected { client, upstream: stream, address: selected.address, lease: selected.lease })
    }

    /// Ends the attempts under way as failed. Their endpoints have not answered for long enough for another one to be
    /// tried.
    fn end_race(&mut self, cx: &ConnectionContext, now: Instant) {
        for attempt in mem::take(&mut self.race).into_attempts() {
            let failed = FailedAttempt::of(&attempt.selected, attempt.took(now));
            self.failed(cx, failed, now, ConnectFault::Endpoint(ConnectFailure::TimedOut));
        }
    }

    fn failed(
        &mut self,
        cx: &ConnectionContext,
        FailedAttempt { address, load, took }: FailedAttempt<'_>,
        now: Instant,
        failure: ConnectFault,
    ) {
        self.failure = failure.reason();
        self.dial.failed(now);
        let frontend = &cx.connection.frontend;
        cx.worker.unflushed.not_connected(&frontend.local_metrics, self.failure);
        let service = || frontend.port_key();
        tracing::debug!(endpoint = %address, service = %service(), reason = %self.failure, "endpoint not reached");
        let ConnectFault::Endpoint(failure) = failure else { return };
        if load.failed(now, took, failure) {
            frontend.runtime.metrics.add(PortCount::Ejections, 1);
        }
    }

    /// Waits until an endpoint has room, and begins an attempt; returns the time of its beginning.
    async fn wait_for_room(&mut self, cx: &ConnectionContext) -> Result<Instant, Closed> {
        let runtime = &cx.connection.frontend.runtime;
        let limits = runtime.routing().port.settings.limits;
        let mut now = Instant::now();
        let waiting =
            runtime.queue.enter(limits.queue, now, limits.queue_timeout).ok_or(Closed::QueueFull)?;
        while let Some(left) = waiting.left(now) {
            tokio::select! {
                biased;
                reason = gone(self.client.as_ref()) => return Err(reason),
                reason = cx.connection.close_signal.wait() => return Err(reason),
                _ = tokio::time::timeout(left.min(QUEUE_RECHECK_INTERVAL), runtime.room.notified()) => {}
            }
            now = Instant::now();
            self.dial.postpone(now);
            if let Next::Wait(_) = self.advance(cx, now, QueuePosition::Front)? {
                return Ok(now);
            }
        }
        Err(Closed::QueueTimeout)
    }
}

/// Resolves when the client has reset its connection. A client that only ended its sending side still wants an answer.
async fn gone(client: Option<&Stream>) -> Closed {
    let Some(client) = client else { return Closed::ClientGone };
    client.failed().await.map_or(Closed::LocalLimit, |()| Closed::ClientGone)
}
