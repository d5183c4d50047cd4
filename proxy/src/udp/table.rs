//! Which UDP flows does a worker hold, and which one goes when there is no room for another?

use super::flow::UdpFlow;
use crate::Closed;
use std::{
    collections::HashMap,
    rc::{Rc, Weak},
    time::Instant,
};
use weir_core::idle::OldestIdle;

/// All UDP flows of one worker: bounded, whatever its listeners.
pub(crate) struct FlowTable {
    flows: HashMap<u64, Weak<UdpFlow>>,
    oldest: OldestIdle,
    deadlines: OldestIdle,
    next: u64,
    most: usize,
}

impl FlowTable {
    /// A table that holds `most` flows.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            flows: HashMap::new(),
            oldest: OldestIdle::default(),
            deadlines: OldestIdle::default(),
            next: 0,
            most: most.max(1),
        }
    }

    /// Ends the flow that has been idle for longest if there is no room for another.
    pub(super) fn make_room(&mut self) {
        while self.flows.len() >= self.most {
            let last_active = |id| Some(self.flows.get(&id)?.upgrade()?.last_active().into_std());
            let Some(id) = self.oldest.pop(last_active) else { return };
            if let Some(flow) = self.flows.remove(&id).and_then(|flow| flow.upgrade()) {
                flow.end.give(Closed::Evicted);
            }
        }
    }

    /// Ends flows that have been idle for too long, `most` at a time. Looks only at those whose deadline has come, by what
    /// is known. Returns whether there may be more.
    pub(crate) fn end_idle(&mut self, now: Instant, most: usize) -> bool {
        let Self { flows, deadlines, .. } = self;
        let flow = |id| flows.get(&id).and_then(Weak::upgrade);
        for _ in 0..most {
            match deadlines.pop_due(now, |id| Some(flow(id)?.deadline().into_std())).and_then(flow) {
                Some(flow) => flow.end.give(Closed::IdleTimeout),
                None => return false,
            }
        }
        true
    }

    /// Takes in a flow; returns its number.
    pub(super) fn add(&mut self, flow: &Rc<UdpFlow>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.flows.insert(id, Rc::downgrade(flow));
        self.oldest.push(flow.last_active().into_std(), id);
        self.deadlines.push(flow.deadline().into_std(), id);
        id
    }

    /// Forgets a flow that has ended.
    pub(super) fn remove(&mut self, id: u64) {
        self.flows.remove(&id);
        let Self { flows, oldest, deadlines, .. } = self;
        oldest.compact(flows.len(), |id| flows.contains_key(&id));
        deadlines.compact(flows.len(), |id| flows.contains_key(&id));
    }

    /// Whether there is none.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }
}
