//! How is the connection log told of the end of a flow?

use crate::{
    session::frontend::LocalFrontend,
    telemetry::{
        close_reason::Closed,
        connection_log::{Datagrams, EndedSession, logged::LoggedFlow},
    },
    udp::{context::UdpContext, flow::UdpFlow},
};
use std::{
    rc::Rc,
    time::{Instant, SystemTime},
};
use weir_core::Protocol;

/// A flow that lives, and is logged when dropped, if it is one that is logged.
pub(in crate::udp) struct LiveFlow {
    pub(in crate::udp) udp: Rc<UdpContext>,
    pub(in crate::udp) frontend: Rc<LocalFrontend>,
    pub(in crate::udp) flow: Rc<UdpFlow>,
    reason: Closed,
}

impl LiveFlow {
    pub(in crate::udp) fn new(
        udp: &Rc<UdpContext>,
        frontend: &Rc<LocalFrontend>,
        flow: &Rc<UdpFlow>,
    ) -> Self {
        let (udp, frontend, flow) = (Rc::clone(udp), Rc::clone(frontend), Rc::clone(flow));
        Self { udp, frontend, flow, reason: Closed::Drained }
    }

    /// Ends the flow for `reason`. A flow that is dropped without a reason has ended because its worker did.
    pub(in crate::udp) fn end(mut self, reason: Closed) {
        self.reason = reason;
    }

    fn ended(&self, logged: &LoggedFlow, now: Instant) -> EndedSession {
        let Self { frontend, flow, reason, .. } = self;
        let routing = frontend.runtime.routing();
        let (to_endpoint, to_client) = flow.datagrams();
        EndedSession {
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
            reason: *reason,
            client_path: None,
            endpoint_path: None,
        }
    }
}

impl Drop for LiveFlow {
    fn drop(&mut self) {
        let (Some(log), Some(logged)) = (&self.udp.worker.log, self.flow.logged.get()) else { return };
        let now = Instant::now();
        if log.admits(now) {
            log.tell(Box::new(self.ended(logged, now)));
        }
    }
}
