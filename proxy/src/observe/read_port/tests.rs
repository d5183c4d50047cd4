//! In which state is each endpoint of a Service port?

use super::*;
use crate::{
    routing::{endpoints::Endpoints, node_context::NodeContext},
    telemetry::port_directory::PortDirectory,
};
use std::{
    net::SocketAddr,
    num::NonZeroU16,
    sync::Arc,
    time::{Duration, Instant},
};
use weir_core::{ConnectFailure, PortSpec, Protocol, Service, ServiceKey, ServicePort, resolve_static};

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], 80))
}

/// A port with endpoints 1 to 6, of which 5 terminates and gets no new flows, and 6 is not ready.
fn port() -> Arc<ServicePort> {
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
    let service = Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 10].into(), vec![spec]);
    let all: Vec<_> = (1..=6).map(address).collect();
    let mut port = ServicePort::clone(&resolve_static(&service, &all[..4]).ports[0]);
    let mut merged = resolve_static(&service, &all).ports[0].merged.to_vec();
    for endpoint in &mut merged {
        let host = endpoint.address;
        endpoint.conditions.terminating = host == address(5);
        endpoint.conditions.ready = host != address(5) && host != address(6);
    }
    port.merged = merged.into();
    Arc::new(port)
}

#[test]
fn an_endpoint_is_ready_until_it_fails_is_down_or_terminates_and_in_no_state_if_it_is_not_ready() {
    let (mut endpoints, directory) = (Endpoints::default(), Arc::<PortDirectory>::default());
    let runtime = PortRuntime::new(&port(), &Arc::new(NodeContext::default()), &mut endpoints, &directory);
    let runtime = runtime.of_service(Arc::default());
    let loads = [2, 3, 5].map(|host| endpoints.load(Protocol::Tcp, address(host)));
    let leases = [loads[2].lease(), loads[2].lease()];
    let now = Instant::now();
    while !loads[0].is_ejected() {
        loads[0].failed(now, Duration::ZERO, ConnectFailure::Refused);
    }
    loads[1].set_down(true);
    assert!(directory.list(now).is_empty(), "nobody has used the port");
    runtime.metrics.join();
    let series = Arc::clone(&directory.list(now)[0]);
    let seen = || {
        let mut seen = Vec::new();
        series.for_each_endpoint(&mut |view| {
            seen.push((view.endpoint.address, view.state, view.load.live()));
        });
        seen.sort_unstable_by_key(|(address, ..)| *address);
        seen
    };
    let (ready, ejected) = (EndpointStanding::Ready, EndpointStanding::Ejected);
    let (down, draining) = (EndpointStanding::Down, EndpointStanding::Draining);
    let states = [(1, ready, 0), (2, ejected, 0), (3, down, 0), (4, ready, 0), (5, draining, 2)];
    assert_eq!(seen(), states.map(|(host, state, live)| (address(host), state, live)));
    drop((runtime, leases));
    assert!(seen().is_empty(), "a port that is gone shows no endpoint");
}
