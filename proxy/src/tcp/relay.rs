//! How do bytes get from one side of a connection to the other, and when does it end?

mod linger;

use super::{
    connect::{ConnectState, Connected},
    proxy_header,
    pump::{
        Half, Pump,
        failure::{Failure, PumpError},
    },
};
use crate::{
    session::{connection_context::ConnectionContext, local_metrics::Direction},
    sys::{peer::watch_peer, tcp::Stream},
    telemetry::{close_reason::Closed, port_series::PortCount},
};
use std::{
    future::poll_fn,
    mem,
    task::{Context, Poll},
    time::Instant,
};
use weir_core::{Lease, MAX_END_AT_ONCE};

/// One client and one endpoint, connected. The value is complete at any await: nothing but its parts is needed to go
/// on relaying elsewhere.
pub(crate) struct Relay {
    client: Stream,
    upstream: Stream,
    to_endpoint: Half,
    to_client: Half,
    /// Counts the connection as load of its endpoint.
    lease: Lease,
    /// State of connecting, kept until the endpoint has proven to be of use.
    connect_state: Option<Box<ConnectState>>,
}

impl Relay {
    /// Creates the relay of a client and an endpoint.
    pub(super) fn new(
        cx: &ConnectionContext,
        mut connect_state: Box<ConnectState>,
        connected: Connected,
    ) -> Self {
        cx.connection.record_endpoint(connected.address);
        cx.connection.record_sockets(&connected.client, &connected.upstream);
        let relay = Self {
            client: connected.client,
            upstream: connected.upstream,
            to_endpoint: proxy_header::with_header(cx, mem::take(&mut connect_state.request)),
            to_client: Half::default(),
            lease: connected.lease,
            connect_state: Some(connect_state),
        };
        cx.watch_deadline();
        relay
    }

    /// Relays until the connection ends. The future may be dropped and created again; nothing is lost in between.
    ///
    /// There is no timer here: the worker's clock looks at the last activity, and sends the close signal.
    pub(crate) async fn run(&mut self, cx: &ConnectionContext) -> Closed {
        let reason = poll_fn(|context| self.poll(cx, context)).await;
        if self.failed().is_some() {
            // Boxed, as it is for few connections, and not for long.
            Box::pin(self.linger(cx)).await;
        }
        reason
    }

    /// Waits until the side that is left has all that the failed one has said.
    async fn linger(&mut self, cx: &ConnectionContext) {
        let (told, words, left) = match self.failed() {
            Some(Direction::ToEndpoint) => {
                (&cx.connection.to_endpoint, &mut self.to_endpoint, &self.upstream)
            }
            Some(Direction::ToClient) => (&cx.connection.to_client, &mut self.to_client, &self.client),
            None => return,
        };
        if let Some(failure) = words.failure_mut()
            && (told.get() > 0 || failure.followed_end)
        {
            linger::mark(cx, failure.reason);
            linger::wait_until_delivered(cx, failure, left).await;
        }
    }

    /// Closes both sockets: in order when both sides ended, else with a reset. Gives the client back if the endpoint
    /// has reset the connection before it was of any use, and another one may be tried.
    pub(super) fn close(mut self, cx: &ConnectionContext, reason: Closed) -> Option<Box<ConnectState>> {
        if reason == Closed::EndpointReset
            // A client that was told of an end expects nothing more.
            && self.to_client.failure().is_none_or(|failure| !failure.followed_end)
            && let Some(mut connect_state) =
                self.connect_state.take_if(|connect_state| connect_state.may_retry)
            && connect_state.may_retry_after_reset(cx, &self.lease)
        {
            (connect_state.client, connect_state.request) =
                (Some(self.client), self.to_endpoint.for_another_endpoint());
            return Some(connect_state);
        }
        self.judge_endpoint(cx, reason == Closed::EndpointReset);
        if reason != Closed::Finished {
            // A peer that is gone already needs no reset.
            let _ = self.client.set_zero_linger();
            let _ = self.upstream.set_zero_linger();
        }
        cx.log_end(reason, [Some(self.client), Some(self.upstream)]);
        None
    }

    /// Records that the endpoint is of use: it sent bytes, or it has not failed for a while.
    fn confirm_endpoint(&mut self, cx: &ConnectionContext) {
        if self.connect_state.take().is_some() {
            cx.connection.frontend.runtime.unserved.end();
            self.lease.load().served(cx.worker.clock.get().into_std());
        }
    }

    /// Records how the connection ended, unless the endpoint was of use: at once by the endpoint, or otherwise. A client
    /// that ended its side first may be why the endpoint ended its own.
    fn judge_endpoint(&mut self, cx: &ConnectionContext, ended_by_endpoint: bool) {
        let Some(connect_state) = self.connect_state.take() else { return };
        cx.connection.frontend.runtime.unserved.end();
        let now = Instant::now();
        let load = self.lease.load();
        let at_once = now.saturating_duration_since(connect_state.accepted) < MAX_END_AT_ONCE;
        if !(ended_by_endpoint && at_once) || self.to_endpoint.is_ended() {
            return load.abandoned(now);
        }
        let siblings_serve = || {
            let connection = &cx.connection;
            let routing = connection.frontend.runtime.routing();
            let traffic = connection.frontend.traffic(&routing, connection.peer());
            let balancer = traffic.ok().and_then(|traffic| routing.balancer(traffic));
            let endpoint = connection.endpoint.get();
            balancer
                .zip(endpoint)
                .is_some_and(|(balancer, endpoint)| balancer.siblings_serve(endpoint, rand::random()))
        };
        if load.ended_at_once(now, siblings_serve) {
            cx.connection.frontend.runtime.metrics.add(PortCount::Ejections, 1);
        }
    }

    /// Records that bytes moved: the endpoint is of use if they came from it, and what it was sent cannot be sent to another.
    fn record_progress(&mut self, cx: &ConnectionContext, direction: Direction) {
        match (direction, &mut self.connect_state) {
            (Direction::ToClient, _) => {
                cx.connection.logged.record_byte(cx.connection.opened);
                self.confirm_endpoint(cx);
            }
            (Direction::ToEndpoint, Some(connect_state)) => connect_state.may_retry = false,
            (Direction::ToEndpoint, None) => {}
        }
    }

    /// Looks at both directions once; after a failure at what is left to do.
    fn poll(&mut self, cx: &ConnectionContext, context: &mut Context<'_>) -> Poll<Closed> {
        match (self.failed(), cx.connection.close_signal.poll(context)) {
            (Some(last_words), signal) => self.deliver(cx, last_words, signal.is_some(), context),
            (None, Some(reason)) => Poll::Ready(reason),
            (None, None) => self.relay(cx, context),
        }
    }

    /// Looks at both directions once.
    fn relay(&mut self, cx: &ConnectionContext, context: &mut Context<'_>) -> Poll<Closed> {
        if cx.connection.has_matured() {
            self.confirm_endpoint(cx);
            // If this fails, a dead endpoint is noticed later, by the idle time-out.
            let _ = watch_peer(&self.upstream, cx.connection.dead_peer_timeout());
            if cx.connection.to_endpoint.get() + cx.connection.to_client.get() > 0 {
                cx.watch_peers(false);
            }
        }
        let was_half_closed = self.is_half_closed();
        // The reply first: what an endpoint sent before it failed is passed on before its failure is.
        let mut moved = 0;
        for direction in [Direction::ToClient, Direction::ToEndpoint] {
            let (bytes, result) = self.pump(cx, direction, context);
            moved += bytes;
            if bytes > 0 {
                self.record_progress(cx, direction);
            }
            if let Err(error) = result {
                // The other direction is left alone: the kernel tells of a reset once, and after that what can be read
                // seems to end in order.
                let last_words = error.last_words(direction);
                self.half(last_words).fail(error.reason(direction), error.followed_end());
                return self.deliver(cx, last_words, false, context);
            }
        }
        if self.to_client.is_ended() && self.to_endpoint.is_ended() {
            return Poll::Ready(Closed::Finished);
        }
        let half_closed = self.is_half_closed() && !was_half_closed;
        if half_closed || moved > 0 {
            cx.connection.record_activity(cx.worker.clock.get());
            cx.watch_peers(half_closed);
        }
        cx.look_at_peers(&self.client, &self.upstream);
        if half_closed {
            if self.to_client.is_ended() {
                self.judge_endpoint(cx, true);
            }
            cx.connection.mark_half_closed();
            cx.watch_deadline();
        }
        Poll::Pending
    }

    /// Looks at the direction of what a failed side has said; ready when all of it was written, or at once if there is a
    /// signal to end. More does not come: the kernel has closed that socket, and at most a receive buffer is left.
    fn deliver(
        &mut self,
        cx: &ConnectionContext,
        last_words: Direction,
        must_end: bool,
        context: &mut Context<'_>,
    ) -> Poll<Closed> {
        let Some(Failure { reason, .. }) = self.half(last_words).failure() else { return Poll::Pending };
        let (moved, result) = self.pump(cx, last_words, context);
        if moved > 0 {
            self.record_progress(cx, last_words);
            cx.connection.record_activity(cx.worker.clock.get());
        }
        if must_end || result.is_err() || self.half(last_words).is_ended() {
            return Poll::Ready(reason);
        }
        // Until then the client may yet be given to another endpoint, with all that it has said.
        if !self.connect_state.as_ref().is_some_and(|connect_state| connect_state.may_retry) {
            linger::mark(cx, reason);
            let (words, waiting, left) = match last_words {
                Direction::ToEndpoint => (&mut self.to_endpoint, &mut self.to_client, &self.upstream),
                Direction::ToClient => (&mut self.to_client, &mut self.to_endpoint, &self.client),
            };
            // Nobody takes what waits for the failed side.
            *waiting = Half::default();
            if let Some(failure) = words.failure_mut() {
                return linger::discard(cx, failure, left, context).map(|()| reason);
            }
        }
        Poll::Pending
    }

    /// Direction of what a failed side has said; `None` if no side has failed.
    fn failed(&self) -> Option<Direction> {
        let directions = [(&self.to_endpoint, Direction::ToEndpoint), (&self.to_client, Direction::ToClient)];
        directions.into_iter().find(|(half, _)| half.failure().is_some()).map(|(_, direction)| direction)
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::ToEndpoint => &mut self.to_endpoint,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// Moves what can be moved in one direction; returns the number of bytes.
    fn pump(
        &mut self,
        cx: &ConnectionContext,
        direction: Direction,
        context: &mut Context<'_>,
    ) -> (u64, Result<(), PumpError>) {
        let connection = &*cx.connection;
        let (half, other_ended, from, to, total) = match direction {
            Direction::ToEndpoint => {
                let ended = self.to_client.is_ended();
                (&mut self.to_endpoint, ended, &mut self.client, &mut self.upstream, &connection.to_endpoint)
            }
            Direction::ToClient => {
                let ended = self.to_endpoint.is_ended();
                (&mut self.to_client, ended, &mut self.upstream, &mut self.client, &connection.to_client)
            }
        };
        let last = half.failure().map_or(other_ended, |failure| !failure.followed_end);
        let scratch = &mut cx.worker.scratch.borrow_mut();
        let (pipes, buffers) = (&cx.worker.pipes, &cx.worker.buffers);
        let mut pump = Pump { from, to, scratch, pipes, buffers, last, moved: 0 };
        let result = pump.poll(half, context);
        let moved = pump.moved;
        if moved > 0 {
            total.set(total.get() + moved);
            cx.worker.unflushed.bytes(&connection.frontend.local_metrics, direction, moved);
        }
        match result {
            Poll::Ready(result) => (moved, result),
            Poll::Pending => (moved, Ok(())),
        }
    }

    fn is_half_closed(&self) -> bool {
        self.to_client.is_ended() || self.to_endpoint.is_ended()
    }
}

#[cfg(test)]
mod tests;
