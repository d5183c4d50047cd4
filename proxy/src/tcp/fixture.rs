//! What do tests of TCP connections start from?

use crate::{
    limits::{admission::Admission, descriptor_budget::Descriptors},
    routing::{binding::Binding, endpoints::Endpoints, node_context::Place, port_runtime::Slot},
    session::{
        context::{Share, Worker},
        frontend::LocalFrontend,
        siblings::Peers,
    },
    telemetry::metrics::ProcessCounters,
};
use std::{net::SocketAddr, num::NonZeroU16, rc::Rc, sync::Arc, time::Duration};
use weir_core::{
    Frontend, FrontendKind, Protocol, Service, ServiceKey, Settings, serve::serve_fixed, service::PortSpec,
};

/// A frontend of a worker that has no other.
pub(super) fn frontend(idle_timeout: Duration, endpoints: &[SocketAddr]) -> Rc<LocalFrontend> {
    frontend_with(Settings { idle_timeout, ..Settings::default() }, endpoints)
}

/// The same with these settings.
pub(super) fn frontend_with(settings: Settings, endpoints: &[SocketAddr]) -> Rc<LocalFrontend> {
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
    let service = Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 10].into(), vec![spec]);
    let service = Service { settings: Arc::new(settings), ..service };
    let port = Arc::clone(&serve_fixed(&service, endpoints).ports[0]);
    let slot = Slot::new(&port, &Arc::new(Place::default()), &mut Endpoints::default());
    let address = SocketAddr::from(([10, 96, 0, 10], 1));
    let listen = Frontend { protocol: Protocol::Tcp, address };
    let binding = Binding { listen, frontend: address, kind: FrontendKind::ClusterIp, port };
    let admission = Admission::new(1 << 20, Descriptors::new(1 << 20));
    let share = Share { admission, udp_flows: 1, relay_memory: 1 << 20 };
    LocalFrontend::new(
        Worker::new(share, ProcessCounters::register(), Peers::default()),
        &binding,
        Arc::new(slot),
    )
}
