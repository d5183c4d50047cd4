//! How does a client come in?

use super::{admit, begin, place, refuse};
use crate::{admission::Admission, frontend::Frontend, socket::BACKLOG};
use socket2::SockRef;
use std::{
    cell::RefCell,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

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
