//! What do all connections and flows of one worker use?

use super::{
    closed_ring::ClosedRing, connections::Connections, local_metrics::UnflushedMetrics,
    peer_watch::PeerWatch, siblings::Siblings,
};
use crate::{
    buffers::{buffer_budget::BufferBudget, pipe_pool::PipePool},
    limits::admission::Admission,
    shared::{command::Side, peer_question::PeerQuestions},
    sys::self_connect::EphemeralPorts,
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
use weir_core::PeerReport;

/// Bytes of the buffer that is lent for one read or write of a relay.
const SCRATCH_BYTES: usize = 64 * 1024;

/// The context of one worker thread, passed as an argument to all that happens there. Only counts and budgets are
/// shared with other threads.
pub(crate) struct WorkerContext {
    /// Metrics that belong to no Service port.
    pub(crate) metrics: Arc<ProcessMetrics>,
    /// Permits for connections, of the whole process; the reference count is the worker's own.
    pub(crate) admission: Arc<Admission>,
    /// Counts that are not flushed to the metrics yet.
    pub(crate) unflushed: Rc<UnflushedMetrics>,
    /// Buffer lent while bytes are in flight, so that an idle connection holds none.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// Pipes lent while many bytes are in flight.
    pub(crate) pipes: Rc<PipePool>,
    /// Memory for bytes that were read and cannot be written yet.
    pub(crate) buffers: Rc<BufferBudget>,
    /// Buffered bytes last reported to the gauge.
    buffered_reported: Cell<usize>,
    /// This worker among all workers.
    pub(crate) siblings: Siblings,
    /// Whether new connections and flows are refused, for a drain.
    pub(crate) draining: Cell<bool>,
    /// The live connections.
    pub(crate) connections: RefCell<Connections>,
    /// Those that ended last.
    pub(crate) closed: RefCell<ClosedRing>,
    /// Those whose peers may not have acknowledged everything.
    pub(crate) peer_watch: RefCell<PeerWatch>,
    /// Time of the last tick: exact enough for time-outs of minutes, and free to read.
    pub(crate) clock: Cell<Instant>,
    /// Ports of the kernel's choice as of the last tick.
    pub(crate) ephemeral_ports: Cell<EphemeralPorts>,
    /// Commands to answer when the last connection has ended.
    pub(crate) drained: RefCell<Vec<oneshot::Sender<()>>>,
    /// Held while many connections are ended.
    pub(crate) terminating: Mutex<()>,
}

/// The limits of one worker.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// Permits for connections, of the whole process.
    pub(crate) admission: Arc<Admission>,
    /// UDP flows of the worker at most.
    pub(crate) udp_flows: usize,
    /// Bytes that relays of the worker may hold between reading and writing.
    pub(crate) relay_memory: usize,
    /// Where questions about peers go; `None` where the kernel cannot be asked.
    pub(crate) peer_questions: Option<PeerQuestions>,
}

impl WorkerContext {
    pub(crate) fn new(share: &Share, metrics: Arc<ProcessMetrics>, siblings: Siblings) -> Rc<Self> {
        let admission = share.admission.for_worker();
        let closed = RefCell::new(ClosedRing::new(siblings.count()));
        Rc::new(Self {
            unflushed: UnflushedMetrics::new(&metrics),
            metrics,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into()),
            pipes: PipePool::new(Arc::clone(&admission.descriptors)),
            admission,
            buffers: BufferBudget::new(share.relay_memory),
            buffered_reported: Cell::new(0),
            siblings,
            draining: Cell::new(false),
            connections: RefCell::default(),
            closed,
            peer_watch: RefCell::new(PeerWatch::new(share.peer_questions.clone())),
            clock: Cell::new(Instant::now()),
            ephemeral_ports: Cell::new(EphemeralPorts::read()),
            drained: RefCell::default(),
            terminating: Mutex::default(),
        })
    }

    /// Sets the clock, flushes counts and closes unused pipes. Called once a second; five system calls.
    pub(crate) fn tick(&self) {
        self.clock.set(Instant::now());
        self.ephemeral_ports.set(EphemeralPorts::read());
        self.unflushed.flush();
        self.pipes.close_unused();
        self.report_usage();
        self.connections.borrow_mut().tick();
    }

    /// Reports held descriptors and buffered bytes to their gauges.
    fn report_usage(&self) {
        self.metrics.descriptors_used.set(self.admission.descriptors.used() as f64);
        let held = self.buffers.held();
        let before = self.buffered_reported.replace(held);
        self.metrics.relay_memory.increment(held as f64 - before as f64);
    }

    /// Wakes connections whose peers are to be looked at, at most `max`; returns whether there may be more.
    pub(crate) fn wake_to_look(&self, now: std::time::Instant, max: usize) -> bool {
        let connections = self.connections.borrow();
        let watch = &mut *self.peer_watch.borrow_mut();
        for _ in 0..max {
            let Some(id) = watch.pop_due(now) else { return false };
            if let Some(connection) = connections.get(id) {
                connection.mark_look();
            }
        }
        true
    }

    /// Judges one side of a connection by what the kernel said at `at`, as [`Command::PeerReport`].
    ///
    /// [`Command::PeerReport`]: crate::shared::command::Command::PeerReport
    pub(crate) fn judge_peer(
        &self,
        connection: u64,
        side: Side,
        written: u64,
        at: std::time::Instant,
        report: &PeerReport,
    ) {
        if let Some(connection) = self.connections.borrow().get(connection) {
            self.peer_watch.borrow_mut().judge(connection, side, written, at, report);
        }
    }

    /// Answers commands that wait for a drain, once nothing new is accepted and the last connection has ended.
    pub(crate) fn answer_if_drained(&self) {
        if self.draining.get() && self.connections.borrow().is_empty() {
            self.drained.borrow_mut().drain(..).for_each(|done| {
                let _ = done.send(());
            });
        }
    }
}
