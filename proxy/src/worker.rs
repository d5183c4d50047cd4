//! What does one data-plane thread own?

use crate::{connection::Connection, counters::ProcessCounters, tally::Tallies, udp::table::FlowTable};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
};
use tokio::sync::oneshot;

/// How much is relayed in one go, and the largest UDP datagram.
const SCRATCH: usize = 64 * 1024;

/// One data-plane thread: its listeners, connections and flows belong to it alone.
pub(crate) struct Worker {
    /// Metrics that belong to no Service port.
    pub(crate) counters: Arc<ProcessCounters>,
    /// Counts not yet flushed.
    pub(crate) tallies: Tallies,
    /// The UDP flows of all listeners.
    pub(crate) flows: RefCell<FlowTable>,
    /// Lent while bytes are in flight, so that an idle connection holds no buffer.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// Whether nothing new is accepted.
    pub(crate) draining: Cell<bool>,
    /// The live connections.
    pub(crate) connections: RefCell<HashMap<u64, Rc<Connection>>>,
    next_connection: Cell<u64>,
    /// Who waits for the last connection to end.
    pub(crate) drained: RefCell<Vec<oneshot::Sender<()>>>,
}

impl Worker {
    pub(crate) fn new(udp_flows: usize, counters: Arc<ProcessCounters>) -> Rc<Self> {
        Rc::new(Self {
            counters,
            tallies: Tallies::default(),
            flows: RefCell::new(FlowTable::new(udp_flows)),
            scratch: RefCell::new(vec![0; SCRATCH].into()),
            draining: Cell::new(false),
            connections: RefCell::default(),
            next_connection: Cell::new(0),
            drained: RefCell::default(),
        })
    }

    /// Lists a connection until the guard is dropped.
    pub(crate) fn enlist(self: &Rc<Self>, connection: Rc<Connection>) -> Enlisted {
        let id = self.next_connection.get();
        self.next_connection.set(id + 1);
        self.connections.borrow_mut().insert(id, connection);
        Enlisted { worker: Rc::clone(self), id }
    }

    /// Tells who waits, once nothing new is accepted and the last connection has ended.
    pub(crate) fn answer_if_drained(&self) {
        if self.draining.get() && self.connections.borrow().is_empty() {
            self.drained.borrow_mut().drain(..).for_each(|done| {
                let _ = done.send(());
            });
        }
    }
}

/// Keeps a connection on its worker's list.
pub(crate) struct Enlisted {
    worker: Rc<Worker>,
    id: u64,
}

impl Drop for Enlisted {
    fn drop(&mut self) {
        self.worker.connections.borrow_mut().remove(&self.id);
        self.worker.answer_if_drained();
    }
}
