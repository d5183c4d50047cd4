//! What do all UDP flows of one worker use?

use super::{flow_table::FlowTable, scratch::Datagrams};
use crate::session::context::Worker;
use std::{cell::RefCell, rc::Rc};

/// The context of UDP on one worker thread: the worker's, and what only UDP needs.
pub(crate) struct Udp {
    pub(crate) worker: Rc<Worker>,
    /// The UDP flows of all frontends.
    pub(crate) flows: RefCell<FlowTable>,
    /// Lent while a batch of datagrams is forwarded.
    pub(super) datagrams: RefCell<Datagrams>,
}

impl Udp {
    /// Room for `most` flows.
    pub(crate) fn new(worker: Rc<Worker>, most: usize) -> Rc<Self> {
        Rc::new(Self { worker, flows: RefCell::new(FlowTable::new(most)), datagrams: RefCell::default() })
    }
}
