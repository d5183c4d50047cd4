//! How is one address opened, redirected and closed on several workers?

use super::report::{FrontendRow, FrontendState};
use crate::{
    limits::descriptor_budget::Taken,
    routing::{binding::Binding, node_context::Place, port_runtime::Slot},
    shared::command::{Command, ListenerId, Serving},
    sys::socket::{self, Options},
    worker::handle::WorkerHandle,
};
use ipnet::IpNet;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::oneshot;
use weir_core::{Audience, Family, Frontend, FrontendKind, PortKey, Protocol};

/// Open sockets on one address, one on each of some workers.
#[derive(Debug)]
pub(super) struct Group {
    id: ListenerId,
    /// The workers that listen, by number.
    members: Vec<usize>,
    pub(super) serves: Serves,
    /// The descriptors of the sockets.
    _taken: Taken,
}

/// What all groups have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Clients that may wait on each socket.
    pub(super) backlog: usize,
    /// See [`Options`].
    pub(super) foreign: Option<u32>,
}

/// What a group serves, and to whom. Endpoints are not part of it: they follow by themselves.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Serves {
    port: PortKey,
    family: Family,
    kind: FrontendKind,
    pub(super) frontend: SocketAddr,
    audience: Audience,
    /// Whose packets get through; `None` means everybody's.
    admitted: Option<Arc<[IpNet]>>,
    /// What accepted TCP connections inherit; `None` for UDP.
    dead_peer_timeout: Option<Duration>,
}

/// A binding that has somebody to serve.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) binding: &'a Binding,
    pub(super) serves: Serves,
    pub(super) slot: &'a Arc<Slot>,
}

impl Serves {
    /// `None` when the binding has no usable endpoint.
    pub(super) fn of(binding: &Binding, place: &Place) -> Option<Self> {
        let audience = binding.audience()?;
        Some(Self {
            admitted: place.admitted(&binding.port, binding.kind, audience).map(Arc::from),
            audience,
            port: binding.port.key.clone(),
            family: binding.port.family,
            kind: binding.kind,
            frontend: binding.frontend,
            dead_peer_timeout: (binding.listen.protocol == Protocol::Tcp)
                .then_some(binding.port.settings.dead_peer_timeout),
        })
    }

    /// What is told when nobody wants the address any more.
    pub(super) fn removed(&self, socket: Frontend) -> FrontendRow {
        FrontendRow {
            port: self.port.clone(),
            kind: self.kind,
            frontend: self.frontend,
            listen: socket.address,
            state: FrontendState::Removed,
        }
    }
}

impl Wanted<'_> {
    /// What is told once it is served.
    pub(super) fn listening(&self) -> FrontendRow {
        FrontendRow::of(self.binding, FrontendState::Listening(self.serves.audience))
    }

    fn serving(&self) -> Serving {
        Serving {
            binding: self.binding.clone(),
            slot: Arc::clone(self.slot),
            admitted: self.serves.admitted.clone(),
        }
    }
}

impl Group {
    /// Opens an address on `members` of `workers`.
    pub(super) fn open(
        id: ListenerId,
        wanted: &Wanted<'_>,
        workers: &[WorkerHandle],
        members: Vec<usize>,
        Terms { backlog, foreign }: Terms,
        taken: Taken,
    ) -> io::Result<Self> {
        let admitted = wanted.serves.admitted.as_deref();
        let dead_peer_timeout = wanted.binding.port.settings.dead_peer_timeout;
        let options = Options { admitted, dead_peer_timeout, foreign };
        let sockets = socket::open_group(wanted.binding.listen, options, members.len(), backlog)?;
        for (&member, socket) in members.iter().zip(sockets) {
            workers[member].tell(Command::Listen { id, socket, serving: wanted.serving() });
        }
        Ok(Self { id, members, serves: wanted.serves.clone(), _taken: taken })
    }

    /// Has the open sockets serve something else; each worker answers when it does.
    pub(super) fn redirect(
        &mut self,
        wanted: &Wanted<'_>,
        workers: &[WorkerHandle],
    ) -> Vec<oneshot::Receiver<io::Result<()>>> {
        self.serves = wanted.serves.clone();
        let redirect = |&member: &usize| {
            let (id, serving) = (self.id, wanted.serving());
            workers[member].ask(|done| Command::Redirect { id, serving, done })
        };
        self.members.iter().map(redirect).collect()
    }

    /// Closes the sockets; each worker answers when its own is closed.
    pub(super) fn close(&self, workers: &[WorkerHandle]) -> Vec<oneshot::Receiver<()>> {
        let close = |&member: &usize| workers[member].ask(|done| Command::Close { id: self.id, done });
        self.members.iter().map(close).collect()
    }

    /// How many descriptors it takes.
    pub(super) fn descriptors(&self) -> usize {
        self.members.len()
    }
}
