//! What do tests of UDP flows start from?

use super::{context::UdpContext, sessions::Sessions};
use crate::{
    limits::{admission::Admission, descriptor_budget::DescriptorBudget},
    routing::{endpoints::Endpoints, node_context::NodeContext, port_runtime::PortRuntime},
    session::{
        context::{Share, WorkerContext},
        frontend::LocalFrontend,
        siblings::Siblings,
    },
    sys::socket::{self, Options},
    telemetry::metrics::ProcessMetrics,
};
use std::{net::SocketAddr, num::NonZeroU16, rc::Rc, sync::Arc, time::Duration};
use tokio::net::UdpSocket;
use weir_core::{
    Frontend, FrontendKind, PortSecret, PortSpec, Protocol, Service, ServiceKey, resolve_static,
};

/// A worker's UDP and a frontend of it, whose endpoint the test plays.
pub(super) struct Fixture {
    pub(super) udp: Rc<UdpContext>,
    pub(super) sessions: Rc<Sessions>,
}

/// A bound frontend on 127.0.0.1 with one endpoint.
pub(super) fn bound(endpoint: &UdpSocket) -> Fixture {
    let any = Frontend { protocol: Protocol::Udp, address: ([127, 0, 0, 1], 0).into() };
    let options = Options { allowed_sources: None, dead_peer_timeout: Duration::MAX, foreign: None };
    let group = socket::open_group(any, options, 1, 0).unwrap();
    let socket: std::net::UdpSocket = group.into_iter().next().unwrap().into();
    let frontend = frontend(socket.local_addr().unwrap(), endpoint.local_addr().unwrap());
    Fixture { udp: udp(), sessions: Sessions::new(frontend, socket, false).unwrap() }
}

/// UDP of a worker that has nothing else.
pub(super) fn udp() -> Rc<UdpContext> {
    let admission = Admission::new(1024, DescriptorBudget::new(4096));
    let port_secret = PortSecret::new(7);
    let share = Share {
        admission,
        udp_flows: 8,
        relay_memory: 1 << 20,
        peer_questions: None,
        port_secret,
        log: None,
    };
    let worker = WorkerContext::new(&share, ProcessMetrics::register(), Siblings::default());
    UdpContext::new(worker, share.udp_flows)
}

/// A frontend with one endpoint.
pub(super) fn frontend(address: SocketAddr, endpoint: SocketAddr) -> Rc<LocalFrontend> {
    let port = NonZeroU16::new(address.port()).unwrap();
    let ports = vec![PortSpec { name: "".into(), protocol: Protocol::Udp, port, node_port: None }];
    let service = Service::new(ServiceKey::new("default", "dns"), address.ip(), ports);
    let port = Arc::clone(&resolve_static(&service, &[endpoint]).ports[0]);
    let runtime = PortRuntime::new(
        &port,
        &Arc::new(NodeContext::default()),
        &mut Endpoints::default(),
        &Arc::default(),
    );
    LocalFrontend::at(address, FrontendKind::ClusterIp, Arc::new(runtime), None)
}
