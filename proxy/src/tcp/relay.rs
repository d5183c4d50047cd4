//! How do bytes get from one side of a connection to the other, and when does it end?

use super::{
    connect::{ConnectState, Connected},
    proxy_header,
    pump::{Half, Pump},
};
use crate::{
    session::{connection_context::ConnectionContext, local_metrics::Direction},
    sys::socket::watch_peer,
    telemetry::close_reason::Closed,
};
use std::{
    future::poll_fn,
    mem,
    task::{Context, Poll},
    time::Instant,
};
use tokio::net::TcpStream;
use weir_core::{Lease, MAX_END_AT_ONCE};

/// One client and one endpoint, connected. The value is complete at any await: nothing but its parts is needed to go
/// on relaying elsewhere.
pub(crate) struct Relay {
    client: TcpStream,
    upstream: TcpStream,
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
        poll_fn(|context| self.poll(cx, context)).await
    }

    /// Closes both sockets: in order when both sides ended, else with a reset. Gives the client back if the endpoint
    /// has reset the connection before it was of any use, and another one may be tried.
    pub(super) fn close(mut self, cx: &ConnectionContext, reason: Closed) -> Option<Box<ConnectState>> {
        if reason == Closed::EndpointReset
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
            cx.worker.metrics.ejections.increment(1);
        }
    }

    /// Looks at both directions once.
    fn poll(&mut self, cx: &ConnectionContext, context: &mut Context<'_>) -> Poll<Closed> {
        if let Some(reason) = cx.connection.close_signal.poll(context) {
            return Poll::Ready(reason);
        }
        if cx.connection.has_matured() {
            self.confirm_endpoint(cx);
            // If this fails, a dead endpoint is noticed later, by the idle time-out.
            let timeout = cx.connection.frontend.runtime.routing().port.settings.dead_peer_timeout;
            let _ = watch_peer(&self.upstream, timeout);
        }
        let was_half_closed = self.is_half_closed();
        // The reply first: what an endpoint sent before it failed is passed on before its failure is.
        let (to_client, reply) = self.pump(cx, Direction::ToClient, context);
        let (to_endpoint, request) = self.pump(cx, Direction::ToEndpoint, context);
        if to_client > 0 {
            self.confirm_endpoint(cx);
        } else if to_endpoint > 0
            && let Some(connect_state) = &mut self.connect_state
        {
            // What the endpoint was sent cannot be sent to another one.
            connect_state.may_retry = false;
        }
        if let Err(reason) = reply.and(request) {
            return Poll::Ready(reason);
        }
        if self.to_client.is_ended() && self.to_endpoint.is_ended() {
            return Poll::Ready(Closed::Finished);
        }
        let half_closed = self.is_half_closed() && !was_half_closed;
        if half_closed || to_client + to_endpoint > 0 {
            cx.connection.record_activity(cx.worker.clock.get());
        }
        if half_closed {
            if self.to_client.is_ended() {
                self.judge_endpoint(cx, true);
            }
            cx.connection.mark_half_closed();
            cx.watch_deadline();
        }
        Poll::Pending
    }

    /// Moves what can be moved in one direction; returns the number of bytes.
    fn pump(
        &mut self,
        cx: &ConnectionContext,
        direction: Direction,
        context: &mut Context<'_>,
    ) -> (u64, Result<(), Closed>) {
        let connection = &*cx.connection;
        let (half, from, to, last, total) = match direction {
            Direction::ToEndpoint => {
                let last = self.to_client.is_ended();
                (&mut self.to_endpoint, &mut self.client, &mut self.upstream, last, &connection.to_endpoint)
            }
            Direction::ToClient => {
                let last = self.to_endpoint.is_ended();
                (&mut self.to_client, &mut self.upstream, &mut self.client, last, &connection.to_client)
            }
        };
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
            Poll::Ready(Err(failure)) => (moved, Err(failure.reason(direction))),
            Poll::Ready(Ok(())) | Poll::Pending => (moved, Ok(())),
        }
    }

    fn is_half_closed(&self) -> bool {
        self.to_client.is_ended() || self.to_endpoint.is_ended()
    }
}

#[cfg(test)]
mod tests;
