//! What does one worker count? Plain numbers, flushed to the metrics once a second, so that neither relaying nor opening
//! a connection writes what another worker writes.

use crate::telemetry::{
    close_reason::Closed,
    metrics::{PortMetrics, ProcessMetrics},
    totals::PortTotals,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

/// Connect times that are kept at most before they are flushed.
const MAX_CONNECT_TIMES: usize = 256;

/// One worker's counts of one Service port since the last flush.
#[derive(Debug)]
pub(crate) struct LocalMetrics {
    metrics: Arc<PortMetrics>,
    opened: Cell<u64>,
    /// Connections or flows that ended, by reason: few reasons occur.
    ended: RefCell<Vec<(Closed, u64)>>,
    to_endpoint: Cell<u64>,
    to_client: Cell<u64>,
    datagrams_to_endpoint: Cell<u64>,
    datagrams_to_client: Cell<u64>,
    dropped: Cell<u64>,
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
            ended: RefCell::default(),
            to_endpoint: Cell::default(),
            to_client: Cell::default(),
            datagrams_to_endpoint: Cell::default(),
            datagrams_to_client: Cell::default(),
            dropped: Cell::default(),
            dirty: Cell::default(),
        })
    }

    /// Flushes the counts to the metrics. Called once a second, and when a connection has not ended in order.
    pub(crate) fn flush(&self) {
        let metrics = self.metrics.clients();
        let mut more_active = self.opened.get() as f64;
        let mut counted = PortTotals::default();
        for (reason, count) in self.ended.borrow_mut().drain(..) {
            metrics.closed.get(reason).increment(count);
            counted.end(reason, count);
            more_active -= count as f64;
        }
        if more_active != 0.0 {
            metrics.active.increment(more_active);
        }
        let parts = [
            (&self.opened, &metrics.opened, &mut counted.opened),
            (&self.to_endpoint, &metrics.to_endpoint, &mut counted.to_endpoint),
            (&self.to_client, &metrics.to_client, &mut counted.to_client),
            (&self.datagrams_to_endpoint, &metrics.datagrams_to_endpoint, &mut counted.datagrams_to_endpoint),
            (&self.datagrams_to_client, &metrics.datagrams_to_client, &mut counted.datagrams_to_client),
            (&self.dropped, &metrics.dropped, &mut counted.dropped),
        ];
        for (cell, counter, total) in parts {
            *total = cell.take();
            if *total > 0 {
                counter.increment(*total);
            }
        }
        metrics.totals.add(&counted);
    }
}

/// Counts of one worker that are not flushed yet; dropping flushes the last ones.
#[derive(Debug)]
pub(crate) struct UnflushedMetrics {
    metrics: Arc<ProcessMetrics>,
    dirty: RefCell<Vec<Rc<LocalMetrics>>>,
    /// Times until an endpoint accepted a connection.
    connect_times: RefCell<Vec<Duration>>,
}

impl UnflushedMetrics {
    /// Creates counts of nothing, to be flushed to `metrics` and to those of Service ports.
    pub(crate) fn new(metrics: &Arc<ProcessMetrics>) -> Rc<Self> {
        let connect_times = RefCell::new(Vec::with_capacity(MAX_CONNECT_TIMES));
        Rc::new(Self { metrics: Arc::clone(metrics), dirty: RefCell::default(), connect_times })
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
    pub(crate) fn connected(&self, took: Duration) {
        let mut connect_times = self.connect_times.borrow_mut();
        connect_times.push(took);
        if connect_times.len() >= MAX_CONNECT_TIMES {
            self.metrics.connected(connect_times.drain(..));
        }
    }

    /// Counts a connection or flow that ended.
    fn ended(&self, local_metrics: &Rc<LocalMetrics>, reason: Closed) {
        let mut ended = local_metrics.ended.borrow_mut();
        match ended.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => ended.push((reason, 1)),
        }
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
        self.metrics.connected(self.connect_times.borrow_mut().drain(..));
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
