//! What do all UDP flows of one worker use?

use super::{flow_table::FlowTable, scratch::DatagramScratch};
use crate::session::context::WorkerContext;
use std::{cell::RefCell, rc::Rc};

/// The context of UDP on one worker thread: the worker's, and what only UDP needs.
pub(crate) struct UdpContext {
    pub(crate) worker: Rc<WorkerContext>,
    /// The UDP flows of all frontends.
    pub(crate) flows: RefCell<FlowTable>,
    /// PooledPipe while a batch of datagrams is forwarded.
    pub(super) scratch: RefCell<DatagramScratch>,
}

impl UdpContext {
    /// FlowPermits for `most` flows.
    pub(crate) fn new(worker: Rc<WorkerContext>, most: usize) -> Rc<Self> {
        Rc::new(Self { worker, flows: RefCell::new(FlowTable::new(most)), scratch: RefCell::default() })
    }
}
