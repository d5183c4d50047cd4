//! What do all connections and flows of one worker use?

use super::{connections::Connections, local_metrics::Tallies, siblings::Peers};
use crate::{
    buffers::{memory::Memory, pipe::Pipes},
    limits::admission::Admission,
    telemetry::metrics::ProcessCounters,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};
use tokio::{
    sync::{Mutex, oneshot},
    time::Instant,
};

/// Bytes of the buffer that is lent to whoever relays: one read or write.
const SCRATCH: usize = 64 * 1024;

/// The context of one worker thread, an argument of everything that happens there. Nothing in it is shared with other
/// threads but counts and budgets.
pub(crate) struct Worker {
    /// Metrics that belong to no Service port.
    pub(crate) counters: Arc<ProcessCounters>,
    /// Who gets a place.
    pub(crate) admission: Arc<Admission>,
    /// Counts not yet flushed.
    pub(crate) tallies: Tallies,
    /// Lent while bytes are in flight, so that an idle connection holds no buffer.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// Lent while much is in flight.
    pub(crate) pipes: Rc<Pipes>,
    /// For what was read and cannot be written yet.
    pub(crate) memory: Rc<Memory>,
    /// Bytes of `memory` last shown by the gauge.
    memory_shown: Cell<usize>,
    /// This worker and the others.
    pub(crate) peers: Peers,
    /// Whether nothing new is accepted.
    pub(crate) draining: Cell<bool>,
    /// The live connections.
    pub(crate) connections: RefCell<Connections>,
    /// When the clock last ticked: exact enough for time-outs of minutes, and free to read.
    pub(crate) clock: Cell<Instant>,
    /// Who waits for the last connection to end.
    pub(crate) drained: RefCell<Vec<oneshot::Sender<()>>>,
    /// Held while many connections are ended.
    pub(crate) ending: Mutex<()>,
}

/// What one worker may take.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// Who gets a place in the process.
    pub(crate) admission: Arc<Admission>,
    /// UDP flows of the worker.
    pub(crate) udp_flows: usize,
    /// Bytes that relays of the worker may hold.
    pub(crate) relay_memory: usize,
}

impl Worker {
    pub(crate) fn new(share: &Share, counters: Arc<ProcessCounters>, peers: Peers) -> Rc<Self> {
        let admission = Arc::clone(&share.admission);
        Rc::new(Self {
            counters,
            tallies: Tallies::default(),
            scratch: RefCell::new(vec![0; SCRATCH].into()),
            pipes: Pipes::new(Arc::clone(&admission.descriptors)),
            admission,
            memory: Memory::new(share.relay_memory),
            memory_shown: Cell::new(0),
            peers,
            draining: Cell::new(false),
            connections: RefCell::default(),
            clock: Cell::new(Instant::now()),
            drained: RefCell::default(),
            ending: Mutex::default(),
        })
    }

    /// Notes the time, flushes counts and gives back what is not used. Called once a second.
    pub(crate) fn tick(&self) {
        self.clock.set(Instant::now());
        self.tallies.flush();
        self.pipes.close_unused();
        self.show_usage();
        self.connections.borrow_mut().tick();
    }

    /// Shows what is used of what is limited.
    fn show_usage(&self) {
        self.counters.descriptors_used.set(self.admission.descriptors.used() as f64);
        let held = self.memory.held();
        let before = self.memory_shown.replace(held);
        self.counters.relay_memory.increment(held as f64 - before as f64);
    }

    /// Answers whoever waits for the drain, once nothing new is accepted and the last connection has ended.
    pub(crate) fn answer_if_drained(&self) {
        if self.draining.get() && self.connections.borrow().is_empty() {
            self.drained.borrow_mut().drain(..).for_each(|done| {
                let _ = done.send(());
            });
        }
    }
}
