//! How do bytes get from one side of a connection to the other, and when does it end?

use super::{
    connect::{ConnectState, Connected},
    proxy_header,
    pump::{Half, Pump},
};
use crate::{
    session::{connection_context::ConnectionContext, local_metrics::Direction},
    sys::peer::watch_peer,
    telemetry::close_reason::Closed,
};
use std::{
    future::poll_fn,
    mem,
    task::{Context, Poll},
};
use tokio::net::TcpStream;
use weir_core::Lease;

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
            && let Some(mut connect_state) = self.connect_state.take()
            && connect_state.may_retry_after_reset(cx, &self.lease)
        {
            (connect_state.client, connect_state.request) =
                (Some(self.client), self.to_endpoint.for_another_endpoint());
            return Some(connect_state);
        }
        self.confirm_endpoint(cx);
        if reason != Closed::Finished {
            // A peer that is gone already needs no reset.
            let _ = self.client.set_zero_linger();
            let _ = self.upstream.set_zero_linger();
        }
        None
    }

    /// Records that the endpoint is of use: bytes were relayed, or it has not failed for a while.
    fn confirm_endpoint(&mut self, cx: &ConnectionContext) {
        if self.connect_state.take().is_some() {
            self.lease.load().answered(cx.worker.clock.get().into_std());
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
            let _ = watch_peer(&self.upstream, cx.connection.dead_peer_timeout());
            if cx.connection.to_endpoint.get() + cx.connection.to_client.get() > 0 {
                cx.watch_peers(false);
            }
        }
        let was_half_closed = self.is_half_closed();
        // The reply first: what an endpoint sent before it failed is passed on before its failure is.
        let (to_client, reply) = self.pump(cx, Direction::ToClient, context);
        let (to_endpoint, request) = self.pump(cx, Direction::ToEndpoint, context);
        if to_client + to_endpoint > 0 {
            self.confirm_endpoint(cx);
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
            cx.watch_peers(half_closed);
        }
        cx.look_at_peers(&self.client, &self.upstream);
        if half_closed {
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
