//! What happens to a TCP client, from accept to close?

mod dial;
mod introduction;
pub(crate) mod memory;
pub(crate) mod pipe;
mod proxy_protocol;
pub(crate) mod race;
mod relay;

use crate::{
    Closed,
    admission::{Admission, Admitted},
    connection::Connection,
    frontend::Frontend,
    peers::Peer,
    slot::Slot,
    socket::BACKLOG,
    tally::Opened,
    thread::Command,
    worker::Worker,
};
use dial::Dialled;
use relay::Relay;
use socket2::SockRef;
use std::{
    cell::RefCell,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use weir_core::{FrontendKind, Protocol};

/// How long to wait after an accept that failed for want of descriptors or memory.
const ACCEPT_BACKOFF: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_millis(500);

/// A listening socket on one worker.
pub(crate) struct Acceptor {
    pub(crate) socket: TcpListener,
    /// What it serves now.
    frontend: RefCell<Rc<Frontend>>,
}

impl Acceptor {
    pub(crate) fn new(frontend: Rc<Frontend>, socket: std::net::TcpListener) -> io::Result<Rc<Self>> {
        let socket = TcpListener::from_std(socket)?;
        Ok(Rc::new(Self { socket, frontend: RefCell::new(frontend) }))
    }

    /// Who connects from now on reaches this frontend.
    pub(crate) fn redirect(&self, frontend: Rc<Frontend>) {
        self.frontend.replace(frontend);
    }

    fn frontend(&self) -> Rc<Frontend> {
        Rc::clone(&self.frontend.borrow())
    }

    /// Serves a client if it gets a place; waits where that is what a limit asks for, but not once `stop` is given.
    async fn take(&self, client: TcpStream, peer: SocketAddr, stop: &CancellationToken) {
        let frontend = self.frontend();
        let pause = match admit(&frontend, peer) {
            Ok(admitted) => {
                let turn = frontend.until_turn();
                if let Some(wait) = turn {
                    frontend.slot.counters.delayed.increment(1);
                    stop.run_until_cancelled(tokio::time::sleep(wait)).await;
                }
                place(&frontend, client, peer, admitted);
                return;
            }
            Err(reason) => {
                refuse(&client);
                frontend.note_rejected(peer.ip(), reason);
                frontend.worker.admission.refused(Instant::now())
            }
        };
        drop(client);
        if let Some(pause) = pause {
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// Serves who is connected but not accepted yet: closing the socket would reset them. Bounded, as new ones may come.
    fn serve_queued(&self) {
        let socket = SockRef::from(&self.socket);
        for _ in 0..BACKLOG {
            let Ok((client, peer)) = socket.accept() else { return };
            let client = client.set_nonblocking(true).and_then(|()| TcpStream::from_std(client.into()));
            let (Ok(client), Some(peer)) = (client, peer.as_socket()) else { continue };
            let frontend = self.frontend();
            match admit(&frontend, peer) {
                Ok(admitted) => begin(&frontend, client, peer, admitted),
                Err(reason) => {
                    refuse(&client);
                    frontend.note_rejected(peer.ip(), reason);
                }
            }
        }
    }
}

/// Accepts until `stop`; then serves what is still queued and closes the socket.
pub(crate) async fn listen(acceptor: Rc<Acceptor>, stop: CancellationToken) {
    let mut backoff = Backoff::default();
    let mut stopped = pin!(stop.cancelled());
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => return acceptor.serve_queued(),
            accepted = acceptor.socket.accept() => accepted,
        };
        match accepted {
            Ok((client, peer)) => {
                backoff = Backoff::default();
                acceptor.take(client, peer, &stop).await;
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                let frontend = acceptor.frontend();
                frontend.worker.counters.accept_errors.increment(1);
                backoff.wait(&error, frontend.address, &frontend.worker.admission).await;
            }
        }
    }
}

/// The peer gave up before it was accepted, or its network failed (accept(2)): nothing is wrong here.
fn is_of_one_connection(error: &io::Error) -> bool {
    use ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable,
        TimedOut,
    };
    let passing = [
        ConnectionAborted,
        ConnectionReset,
        HostUnreachable,
        Interrupted,
        NetworkDown,
        NetworkUnreachable,
        TimedOut,
    ];
    passing.contains(&error.kind())
}

/// Waits longer after each failed accept in a row. The log hears of one a second, whichever acceptors fail.
#[derive(Default)]
struct Backoff {
    wait: Duration,
}

impl Backoff {
    async fn wait(&mut self, error: &io::Error, frontend: SocketAddr, admission: &Admission) {
        if self.wait.is_zero()
            && let Some(others) = admission.may_tell_accept_error(Instant::now())
        {
            tracing::warn!(%error, %frontend, others, "cannot accept connections; are descriptors used up (ulimit -n)? Retrying");
        }
        self.wait = (self.wait * 2).clamp(*ACCEPT_BACKOFF.start(), *ACCEPT_BACKOFF.end());
        tokio::time::sleep(self.wait).await;
    }
}

/// A client on its way to another worker, and where it connected.
#[derive(Debug)]
pub(crate) struct HandedOver {
    client: std::net::TcpStream,
    peer: SocketAddr,
    address: SocketAddr,
    kind: FrontendKind,
    slot: Arc<Slot>,
    admitted: Admitted,
}

impl HandedOver {
    /// Serves it on this worker, which has it counted already.
    pub(crate) fn serve(self, worker: &Rc<Worker>) {
        let frontend = Frontend::at(Rc::clone(worker), self.address, self.kind, self.slot);
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
    let (address, kind, slot) = (frontend.address, frontend.kind, Arc::clone(&frontend.slot));
    let handed_over = HandedOver { client, peer, address, kind, slot, admitted };
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
        Some(self.slot.service.accepts.reserve(Instant::now(), rate)).filter(|wait| !wait.is_zero())
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
