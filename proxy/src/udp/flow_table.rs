//! Which UDP flows does a worker hold, and which one goes when there is no room for another?

use super::flow::{ClientOfService, UdpFlow};
use crate::{
    limits::{
        descriptor_budget::{DescriptorBudget, DescriptorPermit},
        service_usage::ServiceUsage,
    },
    telemetry::close_reason::Closed,
};
use std::{
    collections::HashMap,
    net::IpAddr,
    rc::{Rc, Weak},
    sync::Arc,
    time::Instant,
};
use weir_core::OldestIdle;

/// The flows of one client.
#[derive(Default)]
struct ClientFlows {
    oldest: OldestIdle,
    /// Flows whose tasks have not ended yet.
    live: usize,
}

/// All UDP flows of one worker, bounded over all listeners.
pub(crate) struct FlowTable {
    flows: HashMap<u64, Weak<UdpFlow>>,
    oldest: OldestIdle,
    deadlines: OldestIdle,
    /// Flows of clients that may have only so many.
    clients: HashMap<ClientOfService, ClientFlows>,
    next: u64,
    max_flows: usize,
}

impl FlowTable {
    /// Creates a table of at most `max_flows` flows.
    pub(crate) fn new(max_flows: usize) -> Self {
        Self {
            flows: HashMap::new(),
            oldest: OldestIdle::default(),
            deadlines: OldestIdle::default(),
            clients: HashMap::new(),
            next: 0,
            max_flows: max_flows.max(1),
        }
    }

    /// Takes a descriptor for another flow. Without room the flow that has been idle for longest ends; `None` when that
    /// would not help.
    pub(super) fn make_room(&mut self, descriptors: &Arc<DescriptorBudget>) -> Option<DescriptorPermit> {
        let permit = match descriptors.acquire(1) {
            Some(permit) => permit,
            None => {
                // The flow that goes gives its own descriptor back a moment later, when its task ends.
                let permit = descriptors.acquire_early()?;
                self.evict().then_some(permit)?
            }
        };
        while self.flows.len() >= self.max_flows && self.evict() {}
        Some(permit)
    }

    /// Ends the flow that has been idle for longest; returns whether there was one.
    fn evict(&mut self) -> bool {
        let Self { flows, oldest, .. } = self;
        let Some(id) = oldest.pop(|id| last_active(flows, id)) else { return false };
        end(flows, id);
        true
    }

    /// Ends the flow of one client that has been idle for longest; returns whether it has one on this worker.
    pub(crate) fn evict_of(&mut self, service: &Arc<ServiceUsage>, client: IpAddr) -> bool {
        let Self { flows, clients, .. } = self;
        let Some(known) = clients.get_mut(&ClientOfService::new(service, client)) else { return false };
        let Some(id) = known.oldest.pop(|id| last_active(flows, id)) else { return false };
        end(flows, id);
        true
    }

    /// Ends flows that have been idle for too long, at most `max`. Looks only at flows whose deadline has come, by what
    /// is known. Returns whether there may be more.
    pub(crate) fn end_idle(&mut self, now: Instant, max: usize) -> bool {
        let Self { flows, deadlines, .. } = self;
        let flow = |id| flows.get(&id).and_then(Weak::upgrade);
        for _ in 0..max {
            match deadlines.pop_due(now, |id| Some(flow(id)?.deadline().into_std())).and_then(flow) {
                Some(flow) => flow.close_signal.send(Closed::IdleTimeout),
                None => return false,
            }
        }
        true
    }

    /// Adds a flow; returns its number.
    pub(super) fn add(&mut self, flow: &Rc<UdpFlow>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.flows.insert(id, Rc::downgrade(flow));
        let active = flow.last_active().into_std();
        self.oldest.push(active, id);
        self.deadlines.push(flow.deadline().into_std(), id);
        if let Some(client) = flow.counted() {
            let known = self.clients.entry(client).or_default();
            known.oldest.push(active, id);
            known.live += 1;
        }
        id
    }

    /// Forgets a flow that has ended.
    pub(super) fn remove(&mut self, id: u64, flow: &UdpFlow) {
        self.flows.remove(&id);
        let Self { flows, oldest, deadlines, clients, .. } = self;
        oldest.compact(flows.len(), |id| flows.contains_key(&id));
        deadlines.compact(flows.len(), |id| flows.contains_key(&id));
        let Some(client) = flow.counted() else { return };
        let Some(known) = clients.get_mut(&client) else { return };
        known.live -= 1;
        known.oldest.compact(known.live, |id| flows.contains_key(&id));
        if known.live == 0 {
            clients.remove(&client);
        }
    }

    /// Numbers of all flows.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.flows.keys().copied().collect()
    }

    /// Number of flows.
    pub(crate) fn len(&self) -> usize {
        self.flows.len()
    }

    /// The flow with a number; `None` if it has ended.
    pub(crate) fn get(&self, id: u64) -> Option<Rc<UdpFlow>> {
        self.flows.get(&id).and_then(Weak::upgrade)
    }

    /// Whether there is no flow.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }
}

fn last_active(flows: &HashMap<u64, Weak<UdpFlow>>, id: u64) -> Option<Instant> {
    Some(flows.get(&id)?.upgrade()?.last_active().into_std())
}

fn end(flows: &mut HashMap<u64, Weak<UdpFlow>>, id: u64) {
    if let Some(flow) = flows.remove(&id).and_then(|flow| flow.upgrade()) {
        flow.close_signal.send(Closed::Evicted);
    }
}
