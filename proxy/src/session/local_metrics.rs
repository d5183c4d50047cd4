//! What does one worker count? Plain numbers, flushed to the metrics, so that relaying shares nothing.

use crate::telemetry::{close_reason::Closed, metrics::PortCounters};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

/// One worker's counts of one Service port since the last flush: plain numbers, so that relaying shares nothing.
#[derive(Debug)]
pub(crate) struct Tally {
    counters: Arc<PortCounters>,
    to_endpoint: Cell<u64>,
    to_client: Cell<u64>,
    datagrams_to_endpoint: Cell<u64>,
    datagrams_to_client: Cell<u64>,
    dropped: Cell<u64>,
    dirty: Cell<bool>,
}

/// A number that a [`Tally`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client to the endpoint.
    ToEndpoint,
    /// From the endpoint to the client.
    ToClient,
}

impl Tally {
    pub(crate) fn new(counters: Arc<PortCounters>) -> Rc<Self> {
        Rc::new(Self {
            counters,
            to_endpoint: Cell::default(),
            to_client: Cell::default(),
            datagrams_to_endpoint: Cell::default(),
            datagrams_to_client: Cell::default(),
            dropped: Cell::default(),
            dirty: Cell::default(),
        })
    }

    /// Flushes what was counted since the last time. Called when a connection has ended, too.
    pub(crate) fn flush(&self) {
        let counters = self.counters.clients();
        let pairs = [
            (&self.to_endpoint, &counters.to_endpoint),
            (&self.to_client, &counters.to_client),
            (&self.datagrams_to_endpoint, &counters.datagrams_to_endpoint),
            (&self.datagrams_to_client, &counters.datagrams_to_client),
            (&self.dropped, &counters.dropped),
        ];
        for (counted, counter) in pairs {
            match counted.take() {
                0 => {}
                count => counter.increment(count),
            }
        }
    }
}

/// The tallies of one worker that have something to flush.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    dirty: RefCell<Vec<Rc<Tally>>>,
}

impl Tallies {
    /// Counts relayed bytes.
    pub(crate) fn bytes(&self, tally: &Rc<Tally>, direction: Direction, count: u64) {
        let cell = match direction {
            Direction::ToEndpoint => &tally.to_endpoint,
            Direction::ToClient => &tally.to_client,
        };
        self.add(tally, cell, count);
    }

    /// Counts relayed datagrams and their bytes.
    pub(crate) fn datagrams(&self, tally: &Rc<Tally>, direction: Direction, count: usize, bytes: usize) {
        let cell = match direction {
            Direction::ToEndpoint => &tally.datagrams_to_endpoint,
            Direction::ToClient => &tally.datagrams_to_client,
        };
        self.add(tally, cell, count as u64);
        self.bytes(tally, direction, bytes as u64);
    }

    /// Counts datagrams that went nowhere.
    pub(crate) fn dropped(&self, tally: &Rc<Tally>, count: usize) {
        self.add(tally, &tally.dropped, count as u64);
    }

    fn add(&self, tally: &Rc<Tally>, cell: &Cell<u64>, count: u64) {
        if count == 0 {
            return;
        }
        cell.set(cell.get() + count);
        if !tally.dirty.replace(true) {
            self.dirty.borrow_mut().push(Rc::clone(tally));
        }
    }

    /// Flushes all. Called once a second.
    pub(crate) fn flush(&self) {
        for tally in self.dirty.borrow_mut().drain(..) {
            tally.dirty.set(false);
            tally.flush();
        }
    }
}

/// One connection or flow, counted as active until this is dropped.
#[derive(Debug)]
pub(crate) struct Opened {
    counters: Arc<PortCounters>,
    reason: Closed,
}

impl Opened {
    pub(crate) fn new(counters: &Arc<PortCounters>) -> Self {
        let clients = counters.clients();
        clients.opened.increment(1);
        clients.active.increment(1.0);
        Self { counters: Arc::clone(counters), reason: Closed::Drained }
    }

    /// Ends it for `reason`. One that is dropped without a reason ended because the worker did.
    pub(crate) fn end(mut self, reason: Closed) {
        self.reason = reason;
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let clients = self.counters.clients();
        clients.active.decrement(1.0);
        clients.closed.get(self.reason).increment(1);
    }
}
