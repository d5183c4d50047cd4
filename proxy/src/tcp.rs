//! What happens to a TCP client, from accept to close?

mod acceptor;
mod dial;
mod introduction;
pub(crate) mod memory;
pub(crate) mod pipe;
mod proxy_protocol;
pub(crate) mod race;
mod relay;
mod tried;

use crate::{
    Closed, admission::Admitted, connection::Connection, frontend::Frontend, peers::Peer, slot::Slot,
    tally::Opened, thread::Command, worker::Worker,
};
pub(crate) use acceptor::{Acceptor, listen};
use dial::Dialled;
use relay::Relay;
use socket2::SockRef;
use std::{
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpStream;
use weir_core::{FrontendKind, Origin, Protocol};

/// A client on its way to another worker, and where it connected.
#[derive(Debug)]
pub(crate) struct HandedOver {
    client: std::net::TcpStream,
    peer: SocketAddr,
    address: SocketAddr,
    kind: FrontendKind,
    origin: Option<Origin>,
    slot: Arc<Slot>,
    admitted: Admitted,
}

impl HandedOver {
    /// Serves it on this worker, which has it counted already.
    pub(crate) fn serve(self, worker: &Rc<Worker>) {
        let frontend = Frontend::at(Rc::clone(worker), self.address, self.kind, self.slot, self.origin);
        match TcpStream::from_std(self.client) {
            Ok(client) => begin(&frontend, client, self.peer, self.admitted),
            Err(error) => tracing::warn!(%error, client = %self.peer, "cannot serve a client"),
        }
        worker.peers.remove();
    }
}

/// Serves a client here, or has another worker serve it that has far fewer.
fn place(frontend: &Rc<Frontend>, client: TcpStream, peer: SocketAddr, admitted: Admitted) {
    match frontend.worker.peers.lighter(rand::random()) {
        Some(other) => hand_over(frontend, other, client, peer, admitted),
        None => begin(frontend, client, peer, admitted),
    }
}

fn hand_over(frontend: &Rc<Frontend>, other: &Peer, client: TcpStream, peer: SocketAddr, admitted: Admitted) {
    // It fails only if the socket is not watched, and then there is nothing to serve.
    let Ok(client) = client.into_std() else { return };
    let Frontend { address, kind, origin, .. } = **frontend;
    let slot = Arc::clone(&frontend.slot);
    let handed_over = HandedOver { client, peer, address, kind, origin, slot, admitted };
    if let Err(Command::Adopt(refused)) = other.hand_over(Command::Adopt(handed_over)) {
        frontend.worker.peers.add();
        refused.serve(&frontend.worker);
    }
}

/// Gives a client a place. One that a proxy speaks for is counted once it is known.
fn admit(frontend: &Frontend, peer: SocketAddr) -> Result<Admitted, Closed> {
    let route = frontend.slot.route();
    let settings = &route.port.settings;
    let mut admitted = frontend.worker.admission.admit(&frontend.slot.service, &settings.limits)?;
    let client = peer.ip().to_canonical();
    if !introduction::is_believed(settings, client) {
        admitted.count_client(&settings.limits, client)?;
    }
    Ok(admitted)
}

/// Has a client that is not served get a reset, and its descriptor free at once.
fn refuse(client: &impl std::os::fd::AsFd) {
    // One that is gone already needs no reset.
    let _ = SockRef::from(client).set_linger(Some(Duration::ZERO));
}

impl Frontend {
    /// How long a client that came now has to wait for its turn, if the Service has an accept rate.
    fn until_turn(&self) -> Option<Duration> {
        let rate = self.slot.route().port.settings.limits.accept_rate?;
        Some(self.slot.service.accepts.reserve(Instant::now(), weir_core::Quota::per_second(rate)))
            .filter(|wait| !wait.is_zero())
    }
}

fn begin(frontend: &Rc<Frontend>, client: TcpStream, peer: SocketAddr, admitted: Admitted) {
    tokio::task::spawn_local(session(frontend, client, peer, admitted));
}

/// One connection, from accept to close. It is counted and listed at once, so that a drain which begins in this moment
/// waits for it, too.
fn session(
    frontend: &Rc<Frontend>,
    client: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
) -> impl Future<Output = ()> + use<> {
    let opened = Opened::new(&frontend.slot.counters);
    let mut connection = frontend.worker.enlist(frontend, frontend.flow(Protocol::Tcp, peer));
    connection.place.set(Some(admitted));
    async move {
        let reason = match introduction::learn_client(&mut connection, &client).await {
            Ok(()) => serve(&connection, client).await,
            Err(reason) => {
                let _ = client.set_zero_linger();
                reason
            }
        };
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
async fn serve(connection: &Rc<Connection>, client: TcpStream) -> Closed {
    let mut dialled = Dialled::new(connection, client);
    loop {
        // Boxed, as a connection is dialled for a moment and relayed for long: what dialling takes is given back then.
        let mut relay = match Box::pin(dialled.connect(connection)).await {
            Ok(connected) => Relay::new(connection, dialled, connected),
            Err(reason) => return dialled.refuse(reason),
        };
        let reason = relay.run().await;
        dialled = match relay.close(reason) {
            Some(dialled) => dialled,
            None => return reason,
        };
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
