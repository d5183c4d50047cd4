//! How does one bound socket of a worker get served, and how does it come to serve something else?

use crate::{
    session::{captured_frontends::Catalog, context::Worker, frontend::LocalFrontend},
    shared::command::Serving,
    sys::socket,
    tcp::accept::{self, Acceptor},
    udp::{captured::CapturedSessions, context::Udp, requests, sessions::Clients},
};
use std::{io, rc::Rc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_core::{Origin, Protocol};

/// A socket that is served.
pub(crate) struct Listener {
    served: Served,
    stop: CancellationToken,
    closed: JoinHandle<()>,
}

enum Served {
    Tcp(Rc<Acceptor>),
    Udp(Rc<Clients>),
    /// Whatever clients dialled (node mode).
    Captured(Protocol),
}

impl Listener {
    /// Serves a bound socket until it is closed.
    pub(crate) fn start(
        worker: &Rc<Worker>,
        udp: &Rc<Udp>,
        socket: socket2::Socket,
        Serving { binding, slot, .. }: Serving,
    ) -> io::Result<Self> {
        let frontend = LocalFrontend::new(&binding, slot);
        let stop = CancellationToken::new();
        let (served, closed) = match binding.listen.protocol {
            Protocol::Udp => {
                let clients = Clients::new(frontend, socket.into())?;
                let task = requests::listen(Rc::clone(udp), Rc::clone(&clients), stop.clone());
                (Served::Udp(clients), tokio::task::spawn_local(task))
            }
            _ => {
                let acceptor = Acceptor::new(frontend, socket.into())?;
                let task = accept::listen(Rc::clone(worker), Rc::clone(&acceptor), stop.clone());
                (Served::Tcp(acceptor), tokio::task::spawn_local(task))
            }
        };
        Ok(Self { served, stop, closed })
    }

    /// Serves the clients that connect to a capture socket until it is closed.
    pub(crate) fn receive_connections(
        worker: &Rc<Worker>,
        catalog: &Rc<Catalog>,
        origin: Origin,
        socket: socket2::Socket,
    ) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let acceptor = Acceptor::captured(Rc::clone(catalog), origin, socket.into())?;
        let task = accept::listen(Rc::clone(worker), acceptor, stop.clone());
        Ok(Self { served: Served::Captured(Protocol::Tcp), stop, closed: tokio::task::spawn_local(task) })
    }

    /// Forwards the datagrams that arrive at a capture socket until it is closed.
    pub(crate) fn receive_datagrams(
        udp: &Rc<Udp>,
        captured: &Rc<CapturedSessions>,
        origin: Origin,
        socket: socket2::Socket,
    ) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let socket = requests::watch_captured(socket.into())?;
        let task =
            requests::listen_captured(Rc::clone(udp), socket, Rc::clone(captured), origin, stop.clone());
        Ok(Self { served: Served::Captured(Protocol::Udp), stop, closed: tokio::task::spawn_local(task) })
    }

    /// Whether its clients connect.
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.served, Served::Tcp(_) | Served::Captured(Protocol::Tcp))
    }

    /// Serves something else from now on, without a moment in which the socket is closed. Connections stay where they
    /// are; UDP flows move with their next datagram if another Service port takes over.
    pub(crate) fn redirect(&self, serving: Serving) -> io::Result<()> {
        let Serving { binding, slot, admitted } = serving;
        let (address, admitted) = (binding.listen, admitted.as_deref());
        let frontend = LocalFrontend::new(&binding, slot);
        match &self.served {
            Served::Tcp(acceptor) => {
                socket::admit(&acceptor.socket, address, admitted)?;
                socket::watch_peer(&acceptor.socket, binding.port.settings.dead_peer_timeout)?;
                acceptor.redirect(frontend);
            }
            Served::Udp(clients) => {
                if let Some(bound) = clients.bound() {
                    socket::admit(&**bound, address, admitted)?;
                }
                clients.redirect(frontend);
            }
            Served::Captured(_) => {}
        }
        Ok(())
    }

    /// Serves who waits, then closes the socket; resolves when it is closed.
    pub(crate) fn close(self) -> JoinHandle<()> {
        self.stop.cancel();
        self.closed
    }
}
