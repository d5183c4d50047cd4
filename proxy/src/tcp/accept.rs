//! How does a client come in?

use super::{
    hand_over::assign,
    session::{admit, begin, refuse},
};
use crate::{
    limits::admission::Admission,
    session::{captured_frontends::CapturedFrontends, context::WorkerContext, frontend::LocalFrontend},
    sys::{
        peer::watch_peer,
        socket::MAX_BACKLOG,
        tcp::{Listener, Stream},
    },
    telemetry::port_series::PortCount,
};
use socket2::SockRef;
use std::{
    cell::RefCell,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use weir_core::{Backoff, Frontend, Origin, Protocol, Settings};

/// Waits after accepts that failed for want of descriptors or memory.
const ACCEPT_BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(500));

/// A listening socket on one worker.
pub(crate) struct Acceptor {
    pub(crate) socket: Listener,
    accepts: Accepts,
}

/// The frontends that clients of a socket dial.
enum Accepts {
    /// One frontend, which may be replaced by another one.
    One(RefCell<Rc<LocalFrontend>>),
    /// Any captured frontend (node mode).
    Captured { captured_frontends: Rc<CapturedFrontends>, origin: Origin },
}

impl Acceptor {
    pub(crate) fn new(frontend: Rc<LocalFrontend>, socket: std::net::TcpListener) -> io::Result<Rc<Self>> {
        let accepts = Accepts::One(RefCell::new(frontend));
        Ok(Rc::new(Self { socket: Listener::watch(socket)?, accepts }))
    }

    /// Accepts the clients of a capture socket, which come from `origin`.
    pub(crate) fn captured(
        captured_frontends: Rc<CapturedFrontends>,
        origin: Origin,
        socket: std::net::TcpListener,
    ) -> io::Result<Rc<Self>> {
        let accepts = Accepts::Captured { captured_frontends, origin };
        Ok(Rc::new(Self { socket: Listener::watch(socket)?, accepts }))
    }

    /// Replaces the frontend of clients that connect from now on.
    pub(crate) fn redirect(&self, frontend: Rc<LocalFrontend>) {
        if let Accepts::One(known) = &self.accepts {
            known.replace(frontend);
        }
    }

    /// The frontend of a client. `None` if it is gone, or if the client dialled the capture socket itself.
    fn frontend(&self, client: &Stream) -> Option<Rc<LocalFrontend>> {
        let (captured_frontends, origin) = match &self.accepts {
            Accepts::One(frontend) => return Some(Rc::clone(&frontend.borrow())),
            Accepts::Captured { captured_frontends, origin } => (captured_frontends, *origin),
        };
        let local = SockRef::from(client).local_addr().ok()?.as_socket()?;
        // The scope and the flow label are no part of a frontend.
        let address = SocketAddr::new(local.ip(), local.port());
        let frontend = captured_frontends.frontend(Frontend { protocol: Protocol::Tcp, address }, origin)?;
        let timeout = frontend.runtime.routing().port.settings.dead_peer_timeout;
        if timeout != Settings::default().dead_peer_timeout {
            // A client that cannot be watched is served all the same.
            let _ = watch_peer(client, timeout);
        }
        Some(frontend)
    }

    /// Address of the frontend, or of the capture socket, for the log.
    fn address(&self) -> Option<SocketAddr> {
        match &self.accepts {
            Accepts::One(frontend) => Some(frontend.borrow().address),
            Accepts::Captured { .. } => self.socket.local_addr().ok(),
        }
    }

    /// Serves a client that gets a permit, else refuses it. Waits where a limit asks for that, but not once `stop` is
    /// cancelled. Clients of other Services that come in through one capture socket do not wait for it.
    async fn handle_client(
        &self,
        worker: &Rc<WorkerContext>,
        client: Stream,
        peer: SocketAddr,
        stop: &CancellationToken,
    ) {
        let Some(frontend) = self.frontend(&client) else { return refuse(&client) };
        let pause = match admit(worker, &frontend, peer) {
            Ok(permit) => {
                let Some(wait) = accept_delay(&frontend) else {
                    return assign(worker, &frontend, client, peer, permit);
                };
                frontend.runtime.metrics.add(PortCount::Delayed, 1);
                let (worker, stop) = (Rc::clone(worker), stop.clone());
                let assigning = async move {
                    stop.run_until_cancelled(tokio::time::sleep(wait)).await;
                    assign(&worker, &frontend, client, peer, permit);
                };
                return match self.accepts {
                    Accepts::One(_) => assigning.await,
                    Accepts::Captured { .. } => drop(tokio::task::spawn_local(assigning)),
                };
            }
            Err(reason) => {
                refuse(&client);
                frontend.record_rejection(&worker.admission, peer.ip(), reason);
                worker.admission.refused(Instant::now())
            }
        };
        drop(client);
        if let (Some(pause), Accepts::One(_)) = (pause, &self.accepts) {
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// Serves clients that are connected but not accepted yet: closing the socket would reset them. Bounded by
    /// [`MAX_BACKLOG`], as new clients may come.
    fn serve_queued(&self, worker: &Rc<WorkerContext>) {
        for _ in 0..MAX_BACKLOG {
            let (client, peer) = match self.socket.accept_waiting() {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(_) => return,
            };
            let Some(frontend) = self.frontend(&client) else {
                refuse(&client);
                continue;
            };
            match admit(worker, &frontend, peer) {
                Ok(permit) => begin(worker, &frontend, client, peer, permit),
                Err(reason) => {
                    refuse(&client);
                    frontend.record_rejection(&worker.admission, peer.ip(), reason);
                }
            }
        }
    }
}

/// Time that a client which came now has to wait for the accept rate of its Service; `None` if it need not wait.
fn accept_delay(frontend: &LocalFrontend) -> Option<Duration> {
    let rate = frontend.runtime.routing().port.settings.limits.accept_rate?;
    Some(frontend.runtime.service.accepts.reserve(Instant::now(), weir_core::Quota::per_second(rate)))
        .filter(|wait| !wait.is_zero())
}

/// Accepts until `stop`; then serves what is still queued and closes the socket.
pub(crate) async fn listen(worker: Rc<WorkerContext>, acceptor: Rc<Acceptor>, stop: CancellationToken) {
    let mut failures = 0u32;
    let mut stopped = pin!(stop.cancelled());
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => return acceptor.serve_queued(&worker),
            accepted = acceptor.socket.accept() => accepted,
        };
        match accepted {
            Ok((client, peer)) => {
                failures = 0;
                acceptor.handle_client(&worker, client, peer, &stop).await;
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                worker.metrics.accept_errors.increment(1);
                back_off(failures, &error, acceptor.address(), &worker.admission).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// Whether an error of accept(2) is about one connection: its peer gave up, or its network failed. Nothing is wrong on
/// this host.
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

/// Waits after a failed accept, which came after `failures_before` others in a row. Logs at most one of all acceptors a
/// second.
async fn back_off(
    failures_before: u32,
    error: &io::Error,
    frontend: Option<SocketAddr>,
    admission: &Admission,
) {
    if failures_before == 0
        && let Some(others) = admission.may_log_accept_error(Instant::now())
    {
        let frontend = frontend.map(tracing::field::display);
        tracing::warn!(%error, frontend, others, "cannot accept connections; are descriptors used up (ulimit -n)? Retrying");
    }
    tokio::time::sleep(ACCEPT_BACKOFF.wait(failures_before)).await;
}
