//! What do tests of TCP connections start from?

use crate::{
    limits::{admission::Admission, descriptor_budget::DescriptorBudget},
    routing::{endpoints::Endpoints, node_context::NodeContext, port_runtime::PortRuntime},
    session::{
        context::{Share, WorkerContext},
        frontend::LocalFrontend,
        siblings::{Sibling, Siblings},
        termination::MAX_BURST_ENDS,
    },
    shared::{command::Command, peer_question::PeerQuestions},
    telemetry::metrics::ProcessMetrics,
};
use std::{net::SocketAddr, num::NonZeroU16, rc::Rc, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use weir_core::{
    FrontendKind, PortSecret, PortSpec, Protocol, Service, ServiceKey, Settings, resolve_static,
};

/// A worker and its only frontend.
pub(crate) struct Fixture {
    pub(crate) worker: Rc<WorkerContext>,
    pub(crate) frontend: Rc<LocalFrontend>,
}

/// A frontend of a worker that has no other.
pub(crate) fn frontend(idle_timeout: Duration, endpoints: &[SocketAddr]) -> Fixture {
    frontend_with(Settings { idle_timeout, ..Settings::default() }, endpoints)
}

/// A frontend with these settings, of a worker that has no other.
pub(super) fn frontend_with(settings: Settings, endpoints: &[SocketAddr]) -> Fixture {
    frontend_of(settings, endpoints, None, Siblings::default())
}

/// A frontend with these settings, of a worker that asks `questions` about peers, and the commands that it gets.
pub(super) fn frontend_asking(
    settings: Settings,
    questions: PeerQuestions,
) -> (Fixture, mpsc::UnboundedReceiver<Command>, mpsc::UnboundedSender<Command>) {
    let (sender, commands) = mpsc::unbounded_channel();
    let siblings = Siblings::new(&[Sibling::new(sender.downgrade())].into(), 0);
    (frontend_of(settings, &[], Some(questions), siblings), commands, sender)
}

fn frontend_of(
    settings: Settings,
    endpoints: &[SocketAddr],
    peer_questions: Option<PeerQuestions>,
    siblings: Siblings,
) -> Fixture {
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
    let service = Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 10].into(), vec![spec]);
    let service = Service { settings: Arc::new(settings), ..service };
    let port = Arc::clone(&resolve_static(&service, endpoints).ports[0]);
    let runtime = PortRuntime::new(
        &port,
        &Arc::new(NodeContext::default()),
        &mut Endpoints::default(),
        &Arc::default(),
    );
    let address = SocketAddr::from(([10, 96, 0, 10], 1));
    let frontend = LocalFrontend::at(address, FrontendKind::ClusterIp, Arc::new(runtime), None);
    let admission = Admission::new(1 << 20, DescriptorBudget::new(1 << 20));
    let port_secret = PortSecret::new(7);
    let share =
        Share { admission, udp_flows: 1, relay_memory: 1 << 20, peer_questions, port_secret, log: None };
    let worker = WorkerContext::new(&share, ProcessMetrics::register(), siblings);
    Fixture { worker, frontend }
}

/// One tick of the worker's clock, as far as connections are concerned.
pub(super) fn tick(worker: &WorkerContext) {
    worker.tick();
    let now = worker.clock.get().into_std();
    worker.connections.borrow_mut().signal_due(now, MAX_BURST_ENDS);
    worker.wake_to_look(now, MAX_BURST_ENDS);
}
