//! What does one worker count? Plain numbers, flushed to the metrics, so that relaying shares nothing.

use crate::telemetry::{close_reason::Closed, metrics::PortMetrics};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

/// One worker's counts of one Service port since the last flush.
#[derive(Debug)]
pub(crate) struct LocalMetrics {
    metrics: Arc<PortMetrics>,
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
            to_endpoint: Cell::default(),
            to_client: Cell::default(),
            datagrams_to_endpoint: Cell::default(),
            datagrams_to_client: Cell::default(),
            dropped: Cell::default(),
            dirty: Cell::default(),
        })
    }

    /// Flushes the counts to the metrics. Called once a second, and when a connection has ended.
    pub(crate) fn flush(&self) {
        let metrics = self.metrics.clients();
        let pairs = [
            (&self.to_endpoint, &metrics.to_endpoint),
            (&self.to_client, &metrics.to_client),
            (&self.datagrams_to_endpoint, &metrics.datagrams_to_endpoint),
            (&self.datagrams_to_client, &metrics.datagrams_to_client),
            (&self.dropped, &metrics.dropped),
        ];
        for (counted, counter) in pairs {
            match counted.take() {
                0 => {}
                count => counter.increment(count),
            }
        }
    }
}

/// Local metrics of one worker that have something to flush.
#[derive(Debug, Default)]
pub(crate) struct UnflushedMetrics {
    dirty: RefCell<Vec<Rc<LocalMetrics>>>,
}

impl UnflushedMetrics {
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

    fn add(&self, local_metrics: &Rc<LocalMetrics>, cell: &Cell<u64>, count: u64) {
        if count == 0 {
            return;
        }
        cell.set(cell.get() + count);
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

/// One connection or flow, counted as active until dropped.
#[derive(Debug)]
pub(crate) struct ActiveSession {
    metrics: Arc<PortMetrics>,
    reason: Closed,
}

impl ActiveSession {
    pub(crate) fn new(metrics: &Arc<PortMetrics>) -> Self {
        let clients = metrics.clients();
        clients.opened.increment(1);
        clients.active.increment(1.0);
        Self { metrics: Arc::clone(metrics), reason: Closed::Drained }
    }

    /// Ends the session for `reason`. A session that is dropped without a reason has ended because its worker did.
    pub(crate) fn end(mut self, reason: Closed) {
        self.reason = reason;
    }
}

impl Drop for ActiveSession {
    fn drop(&mut self) {
        let clients = self.metrics.clients();
        clients.active.decrement(1.0);
        clients.closed.get(self.reason).increment(1);
    }
}
