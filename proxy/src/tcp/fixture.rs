//! What do tests of TCP connections start from?

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
    worker::{Share, Worker},
};
use std::{net::SocketAddr, num::NonZeroU16, rc::Rc, sync::Arc, time::Duration};
use weir_core::{FrontendKind, PortSpec, Protocol, Service, ServiceKey, Settings, serve_fixed};

/// A frontend of a worker that has no other.
pub(super) fn frontend(idle_timeout: Duration, endpoints: &[SocketAddr]) -> Rc<Frontend> {
    frontend_with(Settings { idle_timeout, ..Settings::default() }, endpoints)
}

/// The same with these settings.
pub(super) fn frontend_with(settings: Settings, endpoints: &[SocketAddr]) -> Rc<Frontend> {
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
    let service = Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 10].into(), vec![spec]);
    let service = Service { settings: Arc::new(settings), ..service };
    let port = Arc::clone(&serve_fixed(&service, endpoints).ports[0]);
    let slot = Slot::new(&port, &Arc::new(Place::default()), &mut Endpoints::default());
    let address = SocketAddr::from(([10, 96, 0, 10], 1));
    let socket = Socket { protocol: Protocol::Tcp, address };
    let binding = Binding { socket, frontend: address, kind: FrontendKind::ClusterIp, port };
    let admission = Admission::new(1 << 20, Descriptors::new(1 << 20));
    let share = Share { admission, udp_flows: 1, relay_memory: 1 << 20 };
    Frontend::new(Worker::new(share, ProcessCounters::register(), Peers::default()), &binding, Arc::new(slot))
}
