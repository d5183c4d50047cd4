//! What does a Service port look like from outside of the data plane?

use super::{endpoint_state::EndpointState, judge::Judge};
use crate::{
    routing::port_runtime::PortRuntime,
    telemetry::endpoint_reading::{EndpointReading, EndpointStanding, ReadPort},
};

impl ReadPort for PortRuntime {
    fn waiting(&self) -> u32 {
        self.queue.len()
    }

    fn for_each_endpoint(&self, look: &mut dyn FnMut(EndpointReading<'_>)) {
        let routing = self.routing();
        let judge = Judge::of(&routing);
        for endpoint in routing.port.merged.iter() {
            let judged = judge.judge(endpoint);
            if let (Some(state), Some(load)) = (standing(judged.state), judged.load) {
                look(EndpointReading { endpoint, state, load });
            }
        }
    }
}

/// The state in metrics; `None` for an endpoint that clients of this node do not get.
fn standing(state: EndpointState) -> Option<EndpointStanding> {
    match state {
        EndpointState::Ready | EndpointState::Full => Some(EndpointStanding::Ready),
        EndpointState::Ejected => Some(EndpointStanding::Ejected),
        EndpointState::Down | EndpointState::Loop => Some(EndpointStanding::Down),
        EndpointState::Draining => Some(EndpointStanding::Draining),
        EndpointState::NotReady | EndpointState::Elsewhere => None,
    }
}

#[cfg(test)]
mod tests;
