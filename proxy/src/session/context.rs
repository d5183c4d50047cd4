//! What do all connections and flows of one worker use?

use super::{connections::Connections, local_metrics::UnflushedMetrics, siblings::Siblings};
use crate::{
    buffers::{buffer_budget::BufferBudget, pipe_pool::PipePool},
    limits::admission::Admission,
    telemetry::metrics::ProcessMetrics,
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
const SCRATCH_BYTES: usize = 64 * 1024;

/// The context of one worker thread, an argument of everything that happens there. Nothing in it is shared with other
/// threads but counts and budgets.
pub(crate) struct WorkerContext {
    /// Metrics that belong to no Service port.
    pub(crate) metrics: Arc<ProcessMetrics>,
    /// Who gets a place.
    pub(crate) admission: Arc<Admission>,
    /// Counts not yet flushed.
    pub(crate) unflushed: UnflushedMetrics,
    /// PooledPipe while bytes are in flight, so that an idle connection holds no buffer.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// PooledPipe while much is in flight.
    pub(crate) pipes: Rc<PipePool>,
    /// For what was read and cannot be written yet.
    pub(crate) buffers: Rc<BufferBudget>,
    /// Bytes of `memory` last shown by the gauge.
    buffered_reported: Cell<usize>,
    /// This worker and the others.
    pub(crate) siblings: Siblings,
    /// Whether nothing new is accepted.
    pub(crate) draining: Cell<bool>,
    /// The live connections.
    pub(crate) connections: RefCell<Connections>,
    /// When the clock last ticked: exact enough for time-outs of minutes, and free to read.
    pub(crate) clock: Cell<Instant>,
    /// Who waits for the last connection to end.
    pub(crate) drained: RefCell<Vec<oneshot::Sender<()>>>,
    /// Held while many connections are ended.
    pub(crate) terminating: Mutex<()>,
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

impl WorkerContext {
    pub(crate) fn new(share: &Share, metrics: Arc<ProcessMetrics>, siblings: Siblings) -> Rc<Self> {
        let admission = Arc::clone(&share.admission);
        Rc::new(Self {
            metrics,
            unflushed: UnflushedMetrics::default(),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into()),
            pipes: PipePool::new(Arc::clone(&admission.descriptors)),
            admission,
            buffers: BufferBudget::new(share.relay_memory),
            buffered_reported: Cell::new(0),
            siblings,
            draining: Cell::new(false),
            connections: RefCell::default(),
            clock: Cell::new(Instant::now()),
            drained: RefCell::default(),
            terminating: Mutex::default(),
        })
    }

    /// Notes the time, flushes counts and gives back what is not used. Called once a second.
    pub(crate) fn tick(&self) {
        self.clock.set(Instant::now());
        self.unflushed.flush();
        self.pipes.close_unused();
        self.report_usage();
        self.connections.borrow_mut().tick();
    }

    /// Shows what is used of what is limited.
    fn report_usage(&self) {
        self.metrics.descriptors_used.set(self.admission.descriptors.used() as f64);
        let held = self.buffers.held();
        let before = self.buffered_reported.replace(held);
        self.metrics.relay_memory.increment(held as f64 - before as f64);
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
