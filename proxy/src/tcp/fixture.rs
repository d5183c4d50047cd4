//! What do tests of TCP connections start from?

use crate::{
    limits::{admission::Admission, descriptor_budget::Descriptors},
    routing::{endpoints::Endpoints, node_context::Place, port_runtime::Slot},
    session::{
        context::{Share, Worker},
        frontend::LocalFrontend,
        siblings::Peers,
        termination::TURN,
    },
    telemetry::metrics::ProcessCounters,
};
use std::{net::SocketAddr, num::NonZeroU16, rc::Rc, sync::Arc, time::Duration};
use weir_core::{
    FrontendKind, Protocol, Service, ServiceKey, Settings, serve::serve_fixed, service::PortSpec,
};

/// A worker and its only frontend.
pub(crate) struct Fixture {
    pub(crate) worker: Rc<Worker>,
    pub(crate) frontend: Rc<LocalFrontend>,
}

/// A frontend of a worker that has no other.
pub(crate) fn frontend(idle_timeout: Duration, endpoints: &[SocketAddr]) -> Fixture {
    frontend_with(Settings { idle_timeout, ..Settings::default() }, endpoints)
}

/// A frontend with these settings, of a worker that has no other.
pub(super) fn frontend_with(settings: Settings, endpoints: &[SocketAddr]) -> Fixture {
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
    let service = Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 10].into(), vec![spec]);
    let service = Service { settings: Arc::new(settings), ..service };
    let port = Arc::clone(&serve_fixed(&service, endpoints).ports[0]);
    let slot = Slot::new(&port, &Arc::new(Place::default()), &mut Endpoints::default());
    let address = SocketAddr::from(([10, 96, 0, 10], 1));
    let frontend = LocalFrontend::at(address, FrontendKind::ClusterIp, Arc::new(slot), None);
    let admission = Admission::new(1 << 20, Descriptors::new(1 << 20));
    let share = Share { admission, udp_flows: 1, relay_memory: 1 << 20 };
    let worker = Worker::new(&share, ProcessCounters::register(), Peers::default());
    Fixture { worker, frontend }
}

/// One tick of the worker's clock, as far as connections are concerned.
pub(super) fn tick(worker: &Worker) {
    worker.tick();
    worker.connections.borrow_mut().tell_due(worker.clock.get().into_std(), TURN);
}
