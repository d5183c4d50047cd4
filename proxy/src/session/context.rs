//! What does one data-plane thread own?

use super::{
    connection::Connection, connections::Connections, frontend::LocalFrontend, local_metrics::Tallies,
    siblings::Peers, termination::TURN,
};
use crate::{
    buffers::{memory::Memory, pipe::Pipes},
    limits::admission::Admission,
    telemetry::metrics::ProcessCounters,
    udp::{Datagrams, flow_table::FlowTable},
};
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    ops::Deref,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Mutex, oneshot},
    time::Instant,
};
use weir_core::Flow;

/// How much is relayed in one go.
const SCRATCH: usize = 64 * 1024;

/// How often counts reach the metrics, and how late a connection that has been silent for too long may end.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// One data-plane thread: its listeners, connections and flows belong to it alone.
pub(crate) struct Worker {
    /// Metrics that belong to no Service port.
    pub(crate) counters: Arc<ProcessCounters>,
    /// Who gets a place.
    pub(crate) admission: Arc<Admission>,
    /// Counts not yet flushed.
    pub(crate) tallies: Tallies,
    /// The UDP flows of all listeners.
    pub(crate) flows: RefCell<FlowTable>,
    /// Lent while bytes are in flight, so that an idle connection holds no buffer.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// Lent while much is in flight.
    pub(crate) pipes: Rc<Pipes>,
    /// For what was read and cannot be written yet.
    pub(crate) memory: Rc<Memory>,
    /// How much of it the metric knows of.
    memory_shown: Cell<usize>,
    /// This worker and the others.
    pub(crate) peers: Peers,
    /// The same for datagrams, which are forwarded in batches.
    pub(crate) datagrams: RefCell<Datagrams>,
    /// Whether nothing new is accepted.
    pub(crate) draining: Cell<bool>,
    /// The live connections.
    pub(crate) connections: RefCell<Connections>,
    /// When the clock last ticked: exact enough for time-outs of minutes, and free to read.
    pub(crate) clock: Cell<Instant>,
    /// Who waits for the last connection to end.
    pub(crate) drained: RefCell<Vec<oneshot::Sender<()>>>,
    /// Held while connections are ended in turns.
    pub(crate) ending: Mutex<()>,
    /// Whether what was due at a tick is still being done.
    pub(crate) finishing: Cell<bool>,
}

/// What one worker may take.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// Who gets a place in the process.
    pub(crate) admission: Arc<Admission>,
    /// Its own UDP flows.
    pub(crate) udp_flows: usize,
    /// Bytes that its relays may hold.
    pub(crate) relay_memory: usize,
}

impl Worker {
    pub(crate) fn new(share: Share, counters: Arc<ProcessCounters>, peers: Peers) -> Rc<Self> {
        let Share { admission, udp_flows, relay_memory } = share;
        Rc::new(Self {
            counters,
            tallies: Tallies::default(),
            flows: RefCell::new(FlowTable::new(udp_flows)),
            scratch: RefCell::new(vec![0; SCRATCH].into()),
            pipes: Pipes::new(Arc::clone(&admission.descriptors)),
            admission,
            memory: Memory::new(relay_memory),
            memory_shown: Cell::new(0),
            peers,
            datagrams: RefCell::default(),
            draining: Cell::new(false),
            connections: RefCell::default(),
            clock: Cell::new(Instant::now()),
            drained: RefCell::default(),
            ending: Mutex::default(),
            finishing: Cell::new(false),
        })
    }

    /// Lists a connection through `frontend` until the guard is dropped.
    pub(crate) fn enlist(&self, frontend: &Rc<LocalFrontend>, flow: Flow) -> Enlisted {
        self.peers.add();
        Enlisted(self.connections.borrow_mut().add(Rc::clone(frontend), flow))
    }

    /// Does what is due once a second. Returns whether there is more to do, for [`crate::session::termination::finish_tick`].
    pub(crate) fn tick(&self) -> bool {
        let now = Instant::now();
        self.clock.set(now);
        self.tallies.flush();
        self.pipes.close_unused();
        self.show();
        self.connections.borrow_mut().tick();
        self.tell_due()
    }

    /// Ends connections and flows whose time has come, as many as may end in one turn; returns whether there may be more.
    pub(crate) fn tell_due(&self) -> bool {
        let now = self.clock.get().into_std();
        let connections = self.connections.borrow_mut().tell_due(now, TURN);
        let flows = self.flows.borrow_mut().end_idle(now, TURN);
        connections || flows
    }

    /// Shows what is used of what is limited.
    fn show(&self) {
        self.counters.descriptors_used.set(self.admission.descriptors.used() as f64);
        let held = self.memory.held();
        let before = self.memory_shown.replace(held);
        self.counters.relay_memory.increment(held as f64 - before as f64);
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
pub(crate) struct Enlisted(Rc<Connection>);

impl Enlisted {
    /// Goes on as the connection of a client for which its peer speaks.
    pub(crate) fn speak_for(&mut self, client: SocketAddr) {
        self.0 = self.0.speaking_for(client);
        self.0.frontend.worker.connections.borrow_mut().replace(&self.0);
    }
}

impl Deref for Enlisted {
    type Target = Rc<Connection>;

    fn deref(&self) -> &Rc<Connection> {
        &self.0
    }
}

impl Drop for Enlisted {
    fn drop(&mut self) {
        let worker = &self.0.frontend.worker;
        worker.peers.remove();
        worker.connections.borrow_mut().remove(self.0.id);
        worker.answer_if_drained();
    }
}
