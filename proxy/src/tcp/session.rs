//! What happens to a TCP client, from its admission to its close?

use super::{connect::ConnectState, proxy_header, relay::Relay};
use crate::{
    limits::admission::ConnectionPermit,
    session::{
        connection_context::ConnectionContext, context::WorkerContext, frontend::LocalFrontend,
        local_metrics::ActiveSession,
    },
    sys::tcp::Stream,
    telemetry::close_reason::Closed,
};
use socket2::SockRef;
use std::{
    net::SocketAddr,
    os::fd::AsFd,
    rc::Rc,
    time::{Duration, Instant},
};
use weir_core::Protocol;

/// Gives a client a permit, or fails with the limit that is reached. A client that a proxy speaks for is counted once
/// its header was read.
pub(super) fn admit(
    worker: &WorkerContext,
    frontend: &LocalFrontend,
    peer: SocketAddr,
) -> Result<ConnectionPermit, Closed> {
    let routing = frontend.runtime.routing();
    let settings = &routing.port.settings;
    let mut permit = worker.admission.admit(&frontend.runtime.service, &settings.limits)?;
    let client = peer.ip().to_canonical();
    if !proxy_header::is_trusted(settings, client) {
        permit.count_client(&settings.limits, client)?;
    }
    Ok(permit)
}

/// Makes the end of a client that is not served a reset, which frees its descriptor at once.
pub(super) fn refuse(client: &impl AsFd) {
    // A client that is gone already needs no reset.
    let _ = SockRef::from(client).set_linger(Some(Duration::ZERO));
}

/// Serves a client on this worker.
pub(super) fn begin(
    worker: &Rc<WorkerContext>,
    frontend: &Rc<LocalFrontend>,
    client: Stream,
    peer: SocketAddr,
    permit: ConnectionPermit,
) {
    tokio::task::spawn_local(session(worker, frontend, client, peer, permit));
}

/// Serves one connection, from accept to close. The connection is counted and listed at once, so that a drain which
/// begins in this moment waits for it, too.
fn session(
    worker: &Rc<WorkerContext>,
    frontend: &Rc<LocalFrontend>,
    client: Stream,
    peer: SocketAddr,
    permit: ConnectionPermit,
) -> impl Future<Output = ()> + use<> {
    let opened = ActiveSession::new(&worker.unflushed, &frontend.local_metrics);
    let mut cx = ConnectionContext::new(worker, frontend, frontend.flow(Protocol::Tcp, peer));
    cx.connection.permit.set(Some(permit));
    async move {
        let reason = match proxy_header::learn_client(&mut cx, &client).await {
            Ok(()) => serve(&cx, ConnectState::new(&cx.connection, client)).await,
            Err(reason) => {
                let _ = client.set_zero_linger();
                cx.log_end(reason, [Some(client), None]);
                reason
            }
        };
        let connection = &cx.connection;
        connection.frontend.runtime.make_room();
        connection.log_end(reason);
        let now = Instant::now();
        cx.worker.closed.borrow_mut().push(connection.closed(reason, now));
        // Before the connection is seen as ended: a client that waits for that finds room.
        drop(connection.permit.take());
        opened.end(reason);
        let lasted = now.saturating_duration_since(connection.opened);
        cx.worker.unflushed.lasted(&connection.frontend.local_metrics, lasted);
        if reason != Closed::Finished {
            // Who looks why a client failed finds it at once.
            connection.frontend.local_metrics.flush();
        }
    }
}

/// Connects a client to an endpoint and relays until the end. An endpoint that resets the connection before a byte was
/// relayed is followed by another one.
async fn serve(cx: &ConnectionContext, mut connect_state: Box<ConnectState>) -> Closed {
    loop {
        // Boxed, as connecting takes a moment and relaying takes long: the memory of connecting is given back then.
        let mut relay = match Box::pin(connect_state.connect(cx)).await {
            Ok(connected) => Relay::new(cx, connect_state, connected),
            Err(reason) => {
                let frontend = &cx.connection.frontend;
                frontend.record_unserved(reason);
                if reason == Closed::NoSourcePort {
                    frontend.record_rejection(&cx.worker.admission, cx.connection.peer(), reason);
                }
                return connect_state.refuse(cx, reason);
            }
        };
        let reason = relay.run(cx).await;
        connect_state = match relay.close(cx, reason) {
            Some(connect_state) => connect_state,
            None => return reason,
        };
    }
}

#[cfg(test)]
mod tests;
