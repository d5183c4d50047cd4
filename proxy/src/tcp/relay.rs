//! How do bytes get from one side of a connection to the other, and when does it end?

mod half;

use crate::{Closed, connection::Connection, frontend::Frontend, tally::Direction, tcp::dial::Upstream};
use half::{Half, Lane};
use std::{
    future::{Future, poll_fn},
    io::{self, ErrorKind},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep},
};
use weir_core::{Lease, settings::HALF_CLOSED_TIMEOUT};

/// One client and one endpoint, connected. The value is complete at any await: nothing but its parts is needed to go
/// on relaying elsewhere.
pub(crate) struct Relay {
    client: TcpStream,
    upstream: TcpStream,
    to_endpoint: Half,
    to_client: Half,
    last_active: Instant,
    idle_timeout: Duration,
    frontend: Rc<Frontend>,
    connection: Rc<Connection>,
    /// Counts the connection as load of its endpoint.
    _lease: Lease,
}

/// What one look at both directions brought.
enum Step {
    /// No byte moved and no side ended.
    Idle,
    /// Something moved.
    Moved,
    /// A side ended, so the deadline is an earlier one now.
    HalfClosed,
    /// It is over.
    Over(Closed),
}

impl Relay {
    pub(crate) fn new(
        frontend: &Rc<Frontend>,
        connection: Rc<Connection>,
        client: TcpStream,
        upstream: Upstream,
    ) -> Self {
        connection.endpoint.set(Some(upstream.address));
        Self {
            client,
            upstream: upstream.stream,
            to_endpoint: Half::default(),
            to_client: Half::default(),
            last_active: Instant::now(),
            idle_timeout: frontend.slot.route().port.settings.idle_timeout,
            frontend: Rc::clone(frontend),
            connection,
            _lease: upstream.lease,
        }
    }

    /// Relays until the connection ends. May be dropped and called again; nothing is lost in between.
    ///
    /// The timer is not touched when bytes move: it looks at the last activity when it fires.
    pub(crate) async fn run(&mut self) -> Closed {
        let mut timer = pin!(tokio::time::sleep_until(self.deadline()));
        let mut watched = false;
        poll_fn(|context| {
            match self.step(context) {
                Step::Over(reason) => return Poll::Ready(reason),
                Step::Moved if watched && !timer.is_elapsed() => return Poll::Pending,
                Step::HalfClosed => timer.as_mut().reset(self.deadline()),
                Step::Idle | Step::Moved => {}
            }
            watched = true;
            self.poll_timer(timer.as_mut(), context)
        })
        .await
    }

    /// Ends the connection: in order when both sides did, else with a reset to both.
    pub(crate) fn close(self, reason: Closed) {
        if reason != Closed::Finished {
            // A peer that is gone already needs no reset.
            let _ = self.client.set_zero_linger();
            let _ = self.upstream.set_zero_linger();
        }
    }

    fn step(&mut self, context: &mut Context<'_>) -> Step {
        if let Some(reason) = self.connection.order.poll(context) {
            return Step::Over(reason);
        }
        let was_half_closed = self.is_half_closed();
        // The reply first: what an endpoint sent before it failed is passed on before its failure is.
        let (to_client, reply) = self.pump(Direction::ToClient, context);
        let (to_endpoint, request) = self.pump(Direction::ToEndpoint, context);
        if let Err(reason) = reply.and(request) {
            return Step::Over(reason);
        }
        if self.to_client.is_ended() && self.to_endpoint.is_ended() {
            return Step::Over(Closed::Finished);
        }
        let half_closed = self.is_half_closed() && !was_half_closed;
        if half_closed || to_client + to_endpoint > 0 {
            self.last_active = Instant::now();
        }
        match (half_closed, to_client + to_endpoint) {
            (true, _) => Step::HalfClosed,
            (false, 0) => Step::Idle,
            (false, _) => Step::Moved,
        }
    }

    /// Moves what can be moved in one direction; returns how many bytes were.
    fn pump(&mut self, direction: Direction, context: &mut Context<'_>) -> (u64, Result<(), Closed>) {
        let worker = &self.frontend.worker;
        let (half, from, to, total) = match direction {
            Direction::ToEndpoint => {
                (&mut self.to_endpoint, &mut self.client, &mut self.upstream, &self.connection.to_endpoint)
            }
            Direction::ToClient => {
                (&mut self.to_client, &mut self.upstream, &mut self.client, &self.connection.to_client)
            }
        };
        let mut lane = Lane { from, to, scratch: &mut worker.scratch.borrow_mut(), moved: 0 };
        let result = lane.poll(half, context);
        let moved = lane.moved;
        if moved > 0 {
            total.set(total.get() + moved);
            worker.tallies.bytes(&self.frontend.tally, direction, moved);
        }
        match result {
            Poll::Ready(Err(failure)) => (moved, Err(failure.reason(direction))),
            Poll::Ready(Ok(())) | Poll::Pending => (moved, Ok(())),
        }
    }

    fn poll_timer(&self, mut timer: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<Closed> {
        while timer.as_mut().poll(context).is_ready() {
            let deadline = self.deadline();
            if deadline <= Instant::now() {
                return Poll::Ready(self.expired());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    fn is_half_closed(&self) -> bool {
        self.to_client.is_ended() || self.to_endpoint.is_ended()
    }

    fn deadline(&self) -> Instant {
        let timeout = if self.is_half_closed() {
            self.idle_timeout.min(HALF_CLOSED_TIMEOUT)
        } else {
            self.idle_timeout
        };
        self.last_active + timeout
    }

    fn expired(&self) -> Closed {
        if self.is_half_closed() { Closed::HalfClosedTimeout } else { Closed::IdleTimeout }
    }
}

/// A system call that failed, and on which end of a direction.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Reading from where bytes come from.
    Reading(io::Error),
    /// Writing to where they go.
    Writing(io::Error),
}

impl Failure {
    /// Whose fault it is.
    fn reason(&self, direction: Direction) -> Closed {
        let (error, client) = match self {
            Self::Reading(error) => (error, direction == Direction::ToEndpoint),
            Self::Writing(error) => (error, direction == Direction::ToClient),
        };
        // Keepalive and TCP_USER_TIMEOUT report ETIMEDOUT, or what ICMP said last (tcp(7)).
        let silent = matches!(
            error.kind(),
            ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
        );
        match (client, silent) {
            (true, true) => Closed::ClientTimeout,
            (true, false) => Closed::ClientReset,
            (false, true) => Closed::EndpointTimeout,
            (false, false) => Closed::EndpointReset,
        }
    }
}

#[cfg(test)]
mod tests;
