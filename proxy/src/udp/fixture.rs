//! What do tests of UDP flows start from?

use super::Clients;
use crate::{
    counters::ProcessCounters,
    endpoints::Endpoints,
    frontend::Frontend,
    peers::Peers,
    place::Place,
    plan::{Binding, Socket},
    slot::Slot,
    socket,
    worker::Worker,
};
use std::{num::NonZeroU16, rc::Rc, sync::Arc, time::Duration};
use tokio::net::UdpSocket;
use weir_core::{FrontendKind, Protocol, Service, ServiceKey, serve::serve_fixed, service::PortSpec};

/// A frontend on 127.0.0.1 with one endpoint, which the test plays.
pub(super) async fn clients(endpoint: &UdpSocket) -> Rc<Clients> {
    let any = Socket { protocol: Protocol::Udp, address: ([127, 0, 0, 1], 0).into() };
    let socket: std::net::UdpSocket =
        socket::open_group(any, None, Duration::MAX, 1).unwrap().remove(0).into();
    let address = socket.local_addr().unwrap();
    let port = NonZeroU16::new(address.port()).unwrap();
    let ports = vec![PortSpec { name: "".into(), protocol: Protocol::Udp, port, node_port: None }];
    let service = Service::new(ServiceKey::new("default", "dns"), address.ip(), ports);
    let port = Arc::clone(&serve_fixed(&service, &[endpoint.local_addr().unwrap()]).ports[0]);
    let slot = Slot::new(&port, &Arc::new(Place::default()), &mut Endpoints::default());
    let binding = Binding {
        socket: Socket { protocol: Protocol::Udp, address },
        frontend: address,
        kind: FrontendKind::ClusterIp,
        port,
    };
    let frontend = Frontend::new(
        Worker::new(8, ProcessCounters::register(), Peers::default()),
        &binding,
        Arc::new(slot),
    );
    Clients::new(frontend, socket).unwrap()
}
