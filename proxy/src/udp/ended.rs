//! What is told of a flow at its end, and to which log?

use super::flow::UdpFlow;
use crate::{
    session::{context::WorkerContext, frontend::LocalFrontend},
    telemetry::{
        close_reason::Closed,
        connection_log::{Datagrams, EndedSession},
    },
};
use std::time::{Instant, SystemTime};
use weir_core::Protocol;

/// Logs the end of a flow, if it is one that is logged.
pub(super) fn log_end(worker: &WorkerContext, frontend: &LocalFrontend, flow: &UdpFlow, reason: Closed) {
    let (Some(log), Some(logged)) = (&worker.log, flow.logged.get()) else { return };
    let now = Instant::now();
    if !log.admits(now) {
        return;
    }
    let routing = frontend.runtime.routing();
    let (to_endpoint, to_client) = flow.datagrams();
    log.tell(Box::new(EndedSession {
        closed_at: SystemTime::now(),
        duration: now.saturating_duration_since(logged.opened),
        port: routing.port.key.clone(),
        port_number: routing.port.port,
        flow: frontend.flow(Protocol::Udp, flow.client),
        via: None,
        endpoint: Some(flow.endpoint),
        node: routing.node_of(flow.endpoint),
        connect_time: None,
        first_byte: logged.first_reply.get(),
        attempts: flow.attempts(),
        bytes_to_endpoint: logged.bytes_to_endpoint.get(),
        bytes_to_client: logged.bytes_to_client.get(),
        datagrams: Some(Datagrams { to_endpoint, to_client }),
        reason,
        client_path: None,
        endpoint_path: None,
    }));
}
