//! What do all UDP flows of one worker use?

use super::{
    flow::{ClientFlowPermit, FlowPermits},
    flow_table::FlowTable,
    scratch::DatagramScratch,
};
use crate::{
    routing::routing_table::RoutingTable,
    session::{context::WorkerContext, frontend::LocalFrontend},
    telemetry::close_reason::Closed,
};
use std::{cell::RefCell, net::IpAddr, rc::Rc, sync::Arc, time::Instant};
use weir_core::RateLimiter;

/// The context of UDP on one worker thread: the worker's, and what only UDP needs.
pub(crate) struct UdpContext {
    pub(crate) worker: Rc<WorkerContext>,
    /// The UDP flows of all frontends.
    pub(crate) flows: RefCell<FlowTable>,
    /// Buffers lent while a batch of datagrams is forwarded.
    pub(super) scratch: RefCell<DatagramScratch>,
    /// Port unreachables that clients are sent.
    pub(super) unreachables: RateLimiter,
}

impl UdpContext {
    /// Creates the context of a worker with at most `max_flows` flows.
    pub(crate) fn new(worker: Rc<WorkerContext>, max_flows: usize) -> Rc<Self> {
        Rc::new(Self {
            worker,
            flows: RefCell::new(FlowTable::new(max_flows)),
            scratch: RefCell::default(),
            unreachables: RateLimiter::new(Instant::now()),
        })
    }

    /// Permits for another flow of a client, if need be instead of the flow that has been idle for longest. `None` if no
    /// descriptor is left.
    pub(super) fn acquire_permits(
        &self,
        frontend: &LocalFrontend,
        routing: &RoutingTable,
        client: IpAddr,
    ) -> Option<FlowPermits> {
        let (worker, service) = (&self.worker, &frontend.runtime.service);
        let permit = self.flows.borrow_mut().make_room(&worker.admission.descriptors);
        let Some(permit) = permit else {
            frontend.record_rejection(&worker.admission, client, Closed::LocalLimit);
            return None;
        };
        let limited = routing.port.settings.limits.udp_flows_per_client;
        let of_client = limited.map(|max| {
            let fits = service.flows.add(client, max);
            if !fits && !self.flows.borrow_mut().evict_of(service, client) {
                worker.siblings.evict_of(Arc::clone(service), client);
            }
            ClientFlowPermit { service: Arc::clone(service), client }
        });
        Some(FlowPermits { _descriptors: permit, of_client })
    }
}
