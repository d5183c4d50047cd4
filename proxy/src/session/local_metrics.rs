//! What does one worker count? Plain numbers, flushed to the metrics once a second, so that neither relaying nor opening
//! a connection writes what another worker writes.

mod counts_by_reason;
mod local_connects;

use crate::telemetry::{
    close_reason::Closed,
    port_metrics::PortMetrics,
    port_series::{PortCount, ReasonCount},
};
use counts_by_reason::CountsByReason;
use local_connects::LocalConnects;
use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

/// One worker's counts of one Service port since the last flush.
#[derive(Debug)]
pub(crate) struct LocalMetrics {
    metrics: Arc<PortMetrics>,
    opened: Cell<u64>,
    ended: CountsByReason,
    to_endpoint: Cell<u64>,
    to_client: Cell<u64>,
    datagrams_to_endpoint: Cell<u64>,
    datagrams_to_client: Cell<u64>,
    dropped: Cell<u64>,
    /// Counts of TCP; none before the first connection, as most frontends have none.
    connects: OnceCell<Box<LocalConnects>>,
    dirty: Cell<bool>,
}

/// Direction of relayed bytes and datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client to the endpoint.
    ToEndpoint,
    /// From the endpoint to the client.
    ToClient,
}

impl Direction {
    /// The other direction.
    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::ToEndpoint => Self::ToClient,
            Self::ToClient => Self::ToEndpoint,
        }
    }
}

impl LocalMetrics {
    pub(crate) fn new(metrics: Arc<PortMetrics>) -> Rc<Self> {
        Rc::new(Self {
            metrics,
            opened: Cell::default(),
            ended: CountsByReason::default(),
            to_endpoint: Cell::default(),
            to_client: Cell::default(),
            datagrams_to_endpoint: Cell::default(),
            datagrams_to_client: Cell::default(),
            dropped: Cell::default(),
            connects: OnceCell::new(),
            dirty: Cell::default(),
        })
    }

    /// Flushes the counts to the metrics. Called once a second, and when a connection has not ended in order.
    pub(crate) fn flush(&self) {
        let metrics = &self.metrics;
        let counts = [
            (&self.opened, PortCount::Opened),
            (&self.to_endpoint, PortCount::BytesToEndpoint),
            (&self.to_client, PortCount::BytesToClient),
            (&self.datagrams_to_endpoint, PortCount::DatagramsToEndpoint),
            (&self.datagrams_to_client, PortCount::DatagramsToClient),
            (&self.dropped, PortCount::DatagramsDropped),
        ];
        for (counted, what) in counts {
            metrics.add(what, counted.take());
        }
        self.ended.flush(metrics, ReasonCount::Closed);
        if let Some(connects) = self.connects.get() {
            connects.flush(metrics);
        }
    }

    fn connects(&self) -> &LocalConnects {
        self.connects.get_or_init(Box::default)
    }
}

/// Counts of one worker that are not flushed yet; dropping flushes the last ones.
#[derive(Debug)]
pub(crate) struct UnflushedMetrics {
    dirty: RefCell<Vec<Rc<LocalMetrics>>>,
}

impl UnflushedMetrics {
    /// Creates counts of nothing.
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { dirty: RefCell::default() })
    }

    /// Counts relayed bytes.
    pub(crate) fn bytes(&self, local_metrics: &Rc<LocalMetrics>, direction: Direction, count: u64) {
        let cell = match direction {
            Direction::ToEndpoint => &local_metrics.to_endpoint,
            Direction::ToClient => &local_metrics.to_client,
        };
        self.add(local_metrics, cell, count);
    }

    /// Counts relayed datagrams and their bytes.
    pub(crate) fn datagrams(
        &self,
        local_metrics: &Rc<LocalMetrics>,
        direction: Direction,
        count: usize,
        bytes: usize,
    ) {
        let cell = match direction {
            Direction::ToEndpoint => &local_metrics.datagrams_to_endpoint,
            Direction::ToClient => &local_metrics.datagrams_to_client,
        };
        self.add(local_metrics, cell, count as u64);
        self.bytes(local_metrics, direction, bytes as u64);
    }

    /// Counts datagrams that were dropped.
    pub(crate) fn dropped(&self, local_metrics: &Rc<LocalMetrics>, count: usize) {
        self.add(local_metrics, &local_metrics.dropped, count as u64);
    }

    /// Counts an endpoint that accepted after `took`.
    pub(crate) fn connected(&self, local_metrics: &Rc<LocalMetrics>, took: Duration) {
        local_metrics.connects().connect_times.record(took);
        self.mark(local_metrics);
    }

    /// Counts an attempt to connect that failed.
    pub(crate) fn not_connected(&self, local_metrics: &Rc<LocalMetrics>, reason: Closed) {
        local_metrics.connects().failed.add(reason);
        self.mark(local_metrics);
    }

    /// Counts an attempt to connect that begins after all earlier ones of the client have failed.
    pub(crate) fn retried(&self, local_metrics: &Rc<LocalMetrics>) {
        self.add(local_metrics, &local_metrics.connects().retried, 1);
    }

    /// Counts an attempt to connect that begins while an earlier one has no answer yet.
    pub(crate) fn hedged(&self, local_metrics: &Rc<LocalMetrics>) {
        self.add(local_metrics, &local_metrics.connects().hedged, 1);
    }

    /// Counts a TCP connection that has ended after `duration`.
    pub(crate) fn lasted(&self, local_metrics: &Rc<LocalMetrics>, duration: Duration) {
        local_metrics.connects().durations.record(duration);
        self.mark(local_metrics);
    }

    /// Counts a connection or flow that ended.
    fn ended(&self, local_metrics: &Rc<LocalMetrics>, reason: Closed) {
        local_metrics.ended.add(reason);
        self.mark(local_metrics);
    }

    fn add(&self, local_metrics: &Rc<LocalMetrics>, cell: &Cell<u64>, count: u64) {
        if count == 0 {
            return;
        }
        cell.set(cell.get() + count);
        self.mark(local_metrics);
    }

    fn mark(&self, local_metrics: &Rc<LocalMetrics>) {
        if !local_metrics.dirty.replace(true) {
            self.dirty.borrow_mut().push(Rc::clone(local_metrics));
        }
    }

    /// Flushes the counts of all Service ports. Called once a second.
    pub(crate) fn flush(&self) {
        for local_metrics in self.dirty.borrow_mut().drain(..) {
            local_metrics.dirty.set(false);
            local_metrics.flush();
        }
    }
}

impl Drop for UnflushedMetrics {
    fn drop(&mut self) {
        self.flush();
    }
}

/// One connection or flow, counted as active until dropped.
#[derive(Debug)]
pub(crate) struct ActiveSession {
    unflushed: Rc<UnflushedMetrics>,
    local_metrics: Rc<LocalMetrics>,
    reason: Closed,
}

impl ActiveSession {
    pub(crate) fn new(unflushed: &Rc<UnflushedMetrics>, local_metrics: &Rc<LocalMetrics>) -> Self {
        unflushed.add(local_metrics, &local_metrics.opened, 1);
        let (unflushed, local_metrics) = (Rc::clone(unflushed), Rc::clone(local_metrics));
        Self { unflushed, local_metrics, reason: Closed::Drained }
    }

    /// Ends the session for `reason`. A session that is dropped without a reason has ended because its worker did.
    pub(crate) fn end(mut self, reason: Closed) {
        self.reason = reason;
    }
}

impl Drop for ActiveSession {
    fn drop(&mut self) {
        self.unflushed.ended(&self.local_metrics, self.reason);
    }
}

#[cfg(test)]
mod tests;
