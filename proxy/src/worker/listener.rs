//! How does a worker serve clients through one socket, and how does the socket come to serve another target?

use crate::{
    session::{captured_frontends::CapturedFrontends, context::WorkerContext, frontend::LocalFrontend},
    shared::command::ListenTarget,
    sys::{peer::watch_peer, socket},
    tcp::accept::{self, Acceptor},
    udp::{captured::CapturedSessions, context::UdpContext, requests, sessions::Sessions},
};
use socket2::SockRef;
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_core::{Origin, Protocol};

/// A socket through which a worker serves clients.
pub(crate) struct Listener {
    kind: Kind,
    /// Ends the service to new clients, until it is resumed.
    serving: CancellationToken,
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
        let serving = stop.child_token();
        let (kind, closed) = match binding.listen.protocol {
            Protocol::Udp => {
                let is_stand_in = socket::port(&socket)? != binding.listen.address.port();
                let sessions = Sessions::new(frontend, socket.into(), is_stand_in)?;
                let task =
                    requests::listen(Rc::clone(udp), Rc::clone(&sessions), serving.clone(), stop.clone());
                (Kind::Udp(sessions), tokio::task::spawn_local(task))
            }
            _ => {
                let acceptor = Acceptor::new(frontend, socket.into())?;
                let task = accept::listen(Rc::clone(worker), Rc::clone(&acceptor), serving.clone());
                (Kind::Tcp(acceptor), tokio::task::spawn_local(task))
            }
        };
        Ok(Self { kind, serving, stop, closed })
    }

    /// Duplicates the socket of a frontend for another process, and serves nobody through it until [`Self::resume`], once
    /// the returned task has ended: clients wait in the queue for whoever has the duplicate. UDP flows still reply from the
    /// socket.
    pub(crate) fn pass(&mut self) -> io::Result<(OwnedFd, JoinHandle<()>)> {
        let socket = match &self.kind {
            Kind::Tcp(acceptor) => acceptor.socket.as_fd().try_clone_to_owned()?,
            Kind::Udp(sessions) => {
                let bound = sessions.bound().ok_or(io::ErrorKind::Unsupported)?;
                bound.as_fd().try_clone_to_owned()?
            }
            Kind::Captured(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        self.serving.cancel();
        Ok((socket, std::mem::replace(&mut self.closed, tokio::task::spawn_local(async {}))))
    }

    /// Whether the socket was passed to another process, and nobody is served through it here.
    pub(crate) fn is_passed(&self) -> bool {
        self.serving.is_cancelled()
    }

    /// Serves clients again after [`Self::pass`].
    pub(crate) fn resume(&mut self, worker: &Rc<WorkerContext>, udp: &Rc<UdpContext>) {
        if !self.is_passed() {
            return;
        }
        self.serving = self.stop.child_token();
        let serving = self.serving.clone();
        self.closed = match &self.kind {
            Kind::Tcp(acceptor) => {
                tokio::task::spawn_local(accept::listen(Rc::clone(worker), Rc::clone(acceptor), serving))
            }
            Kind::Udp(sessions) => {
                let (udp, sessions, stop) = (Rc::clone(udp), Rc::clone(sessions), self.stop.clone());
                tokio::task::spawn_local(requests::listen(udp, sessions, serving, stop))
            }
            Kind::Captured(_) => return,
        };
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
        let (kind, serving) = (Kind::Captured(Protocol::Tcp), stop.clone());
        Ok(Self { kind, serving, stop, closed: tokio::task::spawn_local(task) })
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
        let (kind, serving) = (Kind::Captured(Protocol::Udp), stop.clone());
        Ok(Self { kind, serving, stop, closed: tokio::task::spawn_local(task) })
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
    pub(crate) fn close(self, udp: &Rc<UdpContext>) -> JoinHandle<()> {
        let was_passed = self.is_passed();
        self.stop.cancel();
        match self.kind {
            // The task that would have ended the flows has ended.
            Kind::Udp(sessions) if was_passed => {
                let task = requests::listen(Rc::clone(udp), sessions, self.serving, self.stop);
                tokio::task::spawn_local(task)
            }
            _ => self.closed,
        }
    }
}
