//! How does a worker serve clients through one socket, and how does the socket come to serve another target?

use crate::{
    session::{captured_frontends::CapturedFrontends, context::WorkerContext, frontend::LocalFrontend},
    shared::command::ListenTarget,
    sys::{peer::watch_peer, socket},
    tcp::accept::{self, Acceptor},
    udp::{captured::CapturedSessions, context::UdpContext, requests, sessions::Sessions},
};
use socket2::SockRef;
use std::{io, rc::Rc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_core::{Origin, Protocol};

/// A socket through which a worker serves clients.
pub(crate) struct Listener {
    kind: Kind,
    stop: CancellationToken,
    closed: JoinHandle<()>,
}

enum Kind {
    Tcp(Rc<Acceptor>),
    Udp(Rc<Sessions>),
    /// Any frontend that clients dialled (node mode).
    Captured(Protocol),
}

impl Listener {
    /// Serves the clients of a bound socket until [`Self::close`].
    pub(crate) fn start(
        worker: &Rc<WorkerContext>,
        udp: &Rc<UdpContext>,
        socket: socket2::Socket,
        ListenTarget { binding, runtime, .. }: ListenTarget,
    ) -> io::Result<Self> {
        let frontend = LocalFrontend::new(&binding, runtime);
        let stop = CancellationToken::new();
        let (kind, closed) = match binding.listen.protocol {
            Protocol::Udp => {
                let is_stand_in = socket::port(&socket)? != binding.listen.address.port();
                let sessions = Sessions::new(frontend, socket.into(), is_stand_in)?;
                let task = requests::listen(Rc::clone(udp), Rc::clone(&sessions), stop.clone());
                (Kind::Udp(sessions), tokio::task::spawn_local(task))
            }
            _ => {
                let acceptor = Acceptor::new(frontend, socket.into())?;
                let task = accept::listen(Rc::clone(worker), Rc::clone(&acceptor), stop.clone());
                (Kind::Tcp(acceptor), tokio::task::spawn_local(task))
            }
        };
        Ok(Self { kind, stop, closed })
    }

    /// Serves the clients that connect to a capture socket until [`Self::close`].
    pub(crate) fn capture_connections(
        worker: &Rc<WorkerContext>,
        captured_frontends: &Rc<CapturedFrontends>,
        origin: Origin,
        socket: socket2::Socket,
    ) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let acceptor = Acceptor::captured(Rc::clone(captured_frontends), origin, socket.into())?;
        let task = accept::listen(Rc::clone(worker), acceptor, stop.clone());
        Ok(Self { kind: Kind::Captured(Protocol::Tcp), stop, closed: tokio::task::spawn_local(task) })
    }

    /// Forwards the datagrams that arrive at a capture socket until [`Self::close`].
    pub(crate) fn capture_datagrams(
        udp: &Rc<UdpContext>,
        captured: &Rc<CapturedSessions>,
        origin: Origin,
        socket: socket2::Socket,
    ) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let socket = requests::watch_captured(socket.into())?;
        let task =
            requests::listen_captured(Rc::clone(udp), socket, Rc::clone(captured), origin, stop.clone());
        Ok(Self { kind: Kind::Captured(Protocol::Udp), stop, closed: tokio::task::spawn_local(task) })
    }

    /// Whether clients connect (TCP).
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.kind, Kind::Tcp(_) | Kind::Captured(Protocol::Tcp))
    }

    /// Serves another target to new clients, without a moment in which the socket is closed. Connections keep their
    /// endpoints; UDP flows move with their next datagram if another Service port takes over.
    pub(crate) fn redirect(&self, target: ListenTarget) -> io::Result<()> {
        let ListenTarget { binding, runtime, allowed_sources, mark } = target;
        let (address, allowed_sources) = (binding.listen, allowed_sources.as_deref());
        let frontend = LocalFrontend::new(&binding, runtime);
        match &self.kind {
            Kind::Tcp(acceptor) => {
                socket::set_allowed_sources(&acceptor.socket, address, allowed_sources)?;
                watch_peer(&acceptor.socket, binding.port.settings.dead_peer_timeout)?;
                if let Some(mark) = mark {
                    SockRef::from(&acceptor.socket).set_mark(mark)?;
                }
                acceptor.redirect(frontend);
            }
            Kind::Udp(sessions) => {
                if let Some(bound) = sessions.bound() {
                    socket::set_allowed_sources(&**bound, address, allowed_sources)?;
                }
                sessions.redirect(frontend);
            }
            Kind::Captured(_) => {}
        }
        Ok(())
    }

    /// Serves the clients in the queue, then closes the socket; the task ends when the socket is closed.
    pub(crate) fn close(self) -> JoinHandle<()> {
        self.stop.cancel();
        self.closed
    }
}
