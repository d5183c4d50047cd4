//! What happens to a TCP client, from its admission to its close?

use super::{connect::Dialled, proxy_header, relay::Relay};
use crate::{
    limits::admission::Admitted,
    session::{
        connection_context::ConnectionContext, context::Worker, frontend::LocalFrontend,
        local_metrics::Opened,
    },
    telemetry::close_reason::Closed,
};
use socket2::SockRef;
use std::{net::SocketAddr, os::fd::AsFd, rc::Rc, time::Duration};
use tokio::net::TcpStream;
use weir_core::Protocol;

/// Gives a client a place. One that a proxy speaks for is counted once it is known.
pub(super) fn admit(worker: &Worker, frontend: &LocalFrontend, peer: SocketAddr) -> Result<Admitted, Closed> {
    let route = frontend.slot.route();
    let settings = &route.port.settings;
    let mut admitted = worker.admission.admit(&frontend.slot.service, &settings.limits)?;
    let client = peer.ip().to_canonical();
    if !proxy_header::is_believed(settings, client) {
        admitted.count_client(&settings.limits, client)?;
    }
    Ok(admitted)
}

/// Answers a client that is not served with a reset, and frees its descriptor at once.
pub(super) fn refuse(client: &impl AsFd) {
    // One that is gone already needs no reset.
    let _ = SockRef::from(client).set_linger(Some(Duration::ZERO));
}

/// Serves a client on this worker.
pub(super) fn begin(
    worker: &Rc<Worker>,
    frontend: &Rc<LocalFrontend>,
    client: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
) {
    tokio::task::spawn_local(session(worker, frontend, client, peer, admitted));
}

/// One connection, from accept to close. It is counted and listed at once, so that a drain which begins in this moment
/// waits for it, too.
fn session(
    worker: &Rc<Worker>,
    frontend: &Rc<LocalFrontend>,
    client: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
) -> impl Future<Output = ()> + use<> {
    let opened = Opened::new(&frontend.slot.counters);
    let mut cx = ConnectionContext::new(worker, frontend, frontend.flow(Protocol::Tcp, peer));
    cx.connection.place.set(Some(admitted));
    async move {
        let reason = match proxy_header::learn_client(&mut cx, &client).await {
            Ok(()) => serve(&cx, Dialled::new(&cx.connection, client)).await,
            Err(reason) => {
                let _ = client.set_zero_linger();
                reason
            }
        };
        let connection = &cx.connection;
        connection.frontend.slot.make_room();
        connection.log_end(reason);
        connection.frontend.tally.flush();
        // Before it is seen as ended: whoever waits for that finds room.
        drop(connection.place.take());
        opened.end(reason);
    }
}

/// Connects a client to an endpoint and relays until the end. An endpoint that resets the connection before a byte was
/// relayed is followed by another one.
async fn serve(cx: &ConnectionContext, mut dialled: Box<Dialled>) -> Closed {
    loop {
        // Boxed, as a connection is dialled for a moment and relayed for long: what dialling takes is given back then.
        let mut relay = match Box::pin(dialled.connect(cx)).await {
            Ok(connected) => Relay::new(cx, dialled, connected),
            Err(reason) => return dialled.refuse(reason),
        };
        let reason = relay.run(cx).await;
        dialled = match relay.close(cx, reason) {
            Some(dialled) => dialled,
            None => return reason,
        };
    }
}

#[cfg(test)]
mod tests;
