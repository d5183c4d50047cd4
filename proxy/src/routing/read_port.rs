//! What does a Service port look like from outside of the data plane?

use super::port_runtime::PortRuntime;
use crate::telemetry::endpoint_reading::{EndpointReading, EndpointStanding, ReadPort};

impl ReadPort for PortRuntime {
    fn waiting(&self) -> u32 {
        self.queue.len()
    }

    fn for_each_endpoint(&self, look: &mut dyn FnMut(EndpointReading<'_>)) {
        let routing = self.routing();
        for endpoint in routing.port.merged.iter() {
            if let Some(load) = routing.load(endpoint.address) {
                look(EndpointReading { endpoint, state: EndpointStanding::of(endpoint, load), load });
            }
        }
    }
}

#[cfg(test)]
mod tests;
