//! What is said of a Service port?

use super::{
    endpoint_state::EndpointState,
    endpoint_view::EndpointView,
    judge::{Judge, TRAFFIC},
};
use crate::{
    routing::port_runtime::PortRuntime,
    telemetry::{histogram::HistogramReading, totals::PortTotals},
};
use std::sync::Arc;
use weir_core::{Balancer, ConnectFailure, ServicePort};

/// A Service port in one family, at one moment.
#[derive(Clone, Debug)]
pub struct PortView {
    /// The Service port.
    pub port: Arc<ServicePort>,
    /// Number of endpoints in each state, in the order of [`EndpointState::ALL`].
    pub endpoints: [usize; EndpointState::ALL.len()],
    /// What the port has served so far, in both families.
    pub totals: PortTotals,
    /// Times until endpoints accepted, in both families; `None` before the first of a TCP port.
    pub connect_times: Option<Box<HistogramReading>>,
    /// The most connections that the Service had at once, through all of its TCP ports, whatever port this is.
    pub most_of_service: usize,
    /// Clients that wait because all endpoints are full.
    pub waiting: usize,
    /// Why the last client was not served; `None` if it was.
    pub unserved: Option<ConnectFailure>,
}

impl PortView {
    pub(super) fn of(runtime: &PortRuntime) -> Self {
        let routing = runtime.routing();
        let judge = Judge::of(&routing);
        let mut endpoints = [0; EndpointState::ALL.len()];
        for endpoint in routing.port.merged.iter() {
            let state = judge.judge(endpoint).state;
            let index = EndpointState::ALL.iter().position(|known| *known == state);
            if let Some(count) = index.and_then(|index| endpoints.get_mut(index)) {
                *count += 1;
            }
        }
        // A port that nobody has used has nothing to read.
        let series = runtime.metrics.series();
        let totals = series.as_ref().map(|series| series.totals()).unwrap_or_default();
        let connect_times = series.map(|series| series.connect_times()).filter(|times| times.count() > 0);
        Self {
            port: Arc::clone(&routing.port),
            endpoints,
            totals,
            connect_times: connect_times.map(Box::new),
            most_of_service: runtime.service.most(),
            waiting: runtime.queue.len() as usize,
            unserved: runtime.unserved.failure(),
        }
    }

    /// Number of endpoints in a state.
    pub fn count(&self, state: EndpointState) -> usize {
        let pairs = EndpointState::ALL.iter().zip(self.endpoints);
        pairs.filter(|(known, _)| **known == state).map(|(_, count)| count).sum()
    }
}

/// All endpoints of a Service port, in list order.
pub(super) fn endpoints(runtime: &PortRuntime) -> Vec<EndpointView> {
    let routing = runtime.routing();
    let odds = TRAFFIC.map(|traffic| {
        // A client that comes back may get the endpoint that it had.
        let balancer = routing.balancer(traffic).filter(|_| routing.port.affinity.is_none());
        balancer.and_then(Balancer::odds)
    });
    let judge = Judge::of(&routing);
    let view = |endpoint| EndpointView::of(&routing, endpoint, &judge.judge(endpoint), &odds);
    routing.port.merged.iter().map(view).collect()
}
