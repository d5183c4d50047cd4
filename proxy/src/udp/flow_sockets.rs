//! Through which sockets do the datagrams of a flow go?

use super::{
    datagrams::{batch::ReceiveMode, batch_socket::BatchSocket},
    reply_socket::{ReplySocket, ReplySockets},
};
use crate::{
    routing::routing_table::RoutingTable,
    session::{context::WorkerContext, frontend::LocalFrontend},
    shared::connect_fault::ConnectFault,
    sys::socket::{Egress, udp_connected},
    telemetry::close_reason::Closed,
};
use std::{io, net::SocketAddr, rc::Rc};

/// The sockets of a flow.
pub(super) struct FlowSockets {
    /// Connected to the endpoint.
    pub(super) upstream: BatchSocket,
    /// Shared by the flows of a frontend.
    pub(super) reply_socket: Rc<ReplySocket>,
}

impl FlowSockets {
    /// Opens the sockets of a client's flow to an endpoint. `None` if one of them cannot be opened.
    pub(super) fn open(
        reply_sockets: &ReplySockets,
        worker: &WorkerContext,
        frontend: &LocalFrontend,
        routing: &RoutingTable,
        client: SocketAddr,
        endpoint: SocketAddr,
    ) -> Option<Self> {
        let admission = &worker.admission;
        let egress = frontend.egress(routing, &worker.port_counters, client, endpoint);
        let sockets = upstream(endpoint, egress).and_then(|upstream| {
            let reply_socket = reply_sockets.get(&admission.descriptors, frontend, routing)?;
            Ok(reply_socket.map(|reply_socket| Self { upstream, reply_socket }))
        });
        match sockets {
            Ok(Some(sockets)) => Some(sockets),
            Ok(None) => {
                frontend.record_rejection(admission, client.ip().to_canonical(), Closed::LocalLimit);
                None
            }
            Err(error) => {
                tracing::debug!(%error, %endpoint, "cannot open a socket for a UDP flow");
                if ConnectFault::of(&error) == ConnectFault::SourcePorts {
                    frontend.record_rejection(admission, client.ip().to_canonical(), Closed::NoSourcePort);
                }
                None
            }
        }
    }
}

fn upstream(endpoint: SocketAddr, egress: Egress<'_>) -> io::Result<BatchSocket> {
    BatchSocket::new(udp_connected(endpoint, egress)?, ReceiveMode::Connected)
}
