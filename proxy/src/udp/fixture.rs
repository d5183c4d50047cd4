//! What do tests of UDP flows start from?

use super::Clients;
use crate::{
    admission::Admission,
    counters::ProcessCounters,
    descriptors::Descriptors,
    endpoints::Endpoints,
    frontend::Frontend,
    peers::Peers,
    place::Place,
    plan::{Binding, Socket},
    slot::Slot,
    socket::{self, Options},
    worker::{Share, Worker},
};
use std::{net::SocketAddr, num::NonZeroU16, rc::Rc, sync::Arc, time::Duration};
use tokio::net::UdpSocket;
use weir_core::{FrontendKind, PortSpec, Protocol, Service, ServiceKey, serve_fixed};

/// A frontend on 127.0.0.1 with one endpoint, which the test plays.
pub(super) async fn clients(endpoint: &UdpSocket) -> Rc<Clients> {
    let any = Socket { protocol: Protocol::Udp, address: ([127, 0, 0, 1], 0).into() };
    let options = Options { admitted: None, dead_peer_timeout: Duration::MAX, foreign: None };
    let group = socket::open_group(any, options, 1, 0).unwrap();
    let socket: std::net::UdpSocket = group.into_iter().next().unwrap().into();
    let frontend = frontend(socket.local_addr().unwrap(), endpoint.local_addr().unwrap());
    Clients::new(frontend, socket).unwrap()
}

/// A frontend of a worker that has no other.
pub(super) fn frontend(address: SocketAddr, endpoint: SocketAddr) -> Rc<Frontend> {
    let port = NonZeroU16::new(address.port()).unwrap();
    let ports = vec![PortSpec { name: "".into(), protocol: Protocol::Udp, port, node_port: None }];
    let service = Service::new(ServiceKey::new("default", "dns"), address.ip(), ports);
    let port = Arc::clone(&serve_fixed(&service, &[endpoint]).ports[0]);
    let slot = Slot::new(&port, &Arc::new(Place::default()), &mut Endpoints::default());
    let binding = Binding {
        socket: Socket { protocol: Protocol::Udp, address },
        frontend: address,
        kind: FrontendKind::ClusterIp,
        port,
    };
    let admission = Admission::new(1024, Descriptors::new(4096));
    let share = Share { admission, udp_flows: 8, relay_memory: 1 << 20 };
    let worker = Worker::new(share, ProcessCounters::register(), Peers::default());
    Frontend::new(worker, &binding, Arc::new(slot))
}
