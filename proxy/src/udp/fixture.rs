//! What do tests of UDP flows start from?

use super::{context::Udp, sessions::Clients};
use crate::{
    limits::{admission::Admission, descriptor_budget::Descriptors},
    routing::{endpoints::Endpoints, node_context::Place, port_runtime::Slot},
    session::{
        context::{Share, Worker},
        frontend::LocalFrontend,
        siblings::Peers,
    },
    sys::socket::{self, Options},
    telemetry::metrics::ProcessCounters,
};
use std::{net::SocketAddr, num::NonZeroU16, rc::Rc, sync::Arc, time::Duration};
use tokio::net::UdpSocket;
use weir_core::{
    Frontend, FrontendKind, Protocol, Service, ServiceKey, serve::serve_fixed, service::PortSpec,
};

/// A worker's UDP and a frontend of it, whose endpoint the test plays.
pub(super) struct Fixture {
    pub(super) udp: Rc<Udp>,
    pub(super) clients: Rc<Clients>,
}

/// A bound frontend on 127.0.0.1 with one endpoint.
pub(super) fn bound(endpoint: &UdpSocket) -> Fixture {
    let any = Frontend { protocol: Protocol::Udp, address: ([127, 0, 0, 1], 0).into() };
    let options = Options { admitted: None, dead_peer_timeout: Duration::MAX, foreign: None };
    let group = socket::open_group(any, options, 1, 0).unwrap();
    let socket: std::net::UdpSocket = group.into_iter().next().unwrap().into();
    let frontend = frontend(socket.local_addr().unwrap(), endpoint.local_addr().unwrap());
    Fixture { udp: udp(), clients: Clients::new(frontend, socket).unwrap() }
}

/// UDP of a worker that has nothing else.
pub(super) fn udp() -> Rc<Udp> {
    let admission = Admission::new(1024, Descriptors::new(4096));
    let share = Share { admission, udp_flows: 8, relay_memory: 1 << 20 };
    let worker = Worker::new(&share, ProcessCounters::register(), Peers::default());
    Udp::new(worker, share.udp_flows)
}

/// A frontend with one endpoint.
pub(super) fn frontend(address: SocketAddr, endpoint: SocketAddr) -> Rc<LocalFrontend> {
    let port = NonZeroU16::new(address.port()).unwrap();
    let ports = vec![PortSpec { name: "".into(), protocol: Protocol::Udp, port, node_port: None }];
    let service = Service::new(ServiceKey::new("default", "dns"), address.ip(), ports);
    let port = Arc::clone(&serve_fixed(&service, &[endpoint]).ports[0]);
    let slot = Slot::new(&port, &Arc::new(Place::default()), &mut Endpoints::default());
    LocalFrontend::at(address, FrontendKind::ClusterIp, Arc::new(slot), None)
}
