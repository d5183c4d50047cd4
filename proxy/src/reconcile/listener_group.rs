//! How is one address opened, redirected and closed on several workers?

use super::report::{FrontendRow, FrontendState};
use crate::{
    limits::descriptor_budget::DescriptorPermit,
    routing::{binding::Binding, node_context::NodeContext, port_runtime::PortRuntime},
    shared::command::{Command, ListenTarget, ListenerId},
    sys::{
        inherited,
        socket::{self, Options},
    },
    worker::handle::WorkerHandle,
};
use ipnet::IpNet;
use socket2::Socket;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::oneshot;
use weir_core::{Audience, Family, Frontend, FrontendKind, PortKey, Protocol};

/// Open sockets on one address, on some workers.
#[derive(Debug)]
pub(super) struct ListenerGroup {
    members: Vec<Member>,
    pub(super) spec: ListenSpec,
    /// Descriptors of the sockets.
    _descriptors: DescriptorPermit,
}

/// One socket of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Number of the worker that listens.
    pub(super) worker: usize,
    /// Number of the socket there.
    pub(super) id: ListenerId,
}

/// Options that all groups have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListenOptions {
    /// Clients that may wait on each socket.
    pub(super) backlog: usize,
    /// Mark of packets to clients, as [`Options::foreign`].
    pub(super) foreign: Option<u32>,
}

/// The frontend that a group serves, and the clients that get through. Endpoints are not part of it: routing tables
/// follow them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ListenSpec {
    port: PortKey,
    family: Family,
    kind: FrontendKind,
    pub(super) frontend: SocketAddr,
    audience: Audience,
    /// Networks whose packets get through; `None` means all.
    allowed_sources: Option<Arc<[IpNet]>>,
    /// Silence after which TCP clients count as dead; `None` for UDP.
    dead_peer_timeout: Option<Duration>,
}

/// A binding with clients to serve, and what its sockets need.
#[derive(Debug)]
pub(super) struct WantedListener<'a> {
    pub(super) binding: &'a Binding,
    pub(super) spec: ListenSpec,
    pub(super) runtime: &'a Arc<PortRuntime>,
}

impl ListenSpec {
    /// The spec of the sockets of a binding; `None` without a usable endpoint.
    pub(super) fn of(binding: &Binding, node_context: &NodeContext) -> Option<Self> {
        let audience = binding.audience()?;
        Some(Self {
            allowed_sources: node_context
                .allowed_sources(&binding.port, binding.kind, audience)
                .map(Arc::from),
            audience,
            port: binding.port.key.clone(),
            family: binding.port.family,
            kind: binding.kind,
            frontend: binding.frontend,
            dead_peer_timeout: (binding.listen.protocol == Protocol::Tcp)
                .then_some(binding.port.settings.dead_peer_timeout),
        })
    }

    /// Report that the address is no longer served.
    pub(super) fn removed(&self, listen: Frontend) -> FrontendRow {
        FrontendRow {
            port: self.port.clone(),
            kind: self.kind,
            frontend: self.frontend,
            listen: listen.address,
            state: FrontendState::Removed,
        }
    }
}

impl WantedListener<'_> {
    /// Report that the address is served.
    pub(super) fn listening(&self) -> FrontendRow {
        FrontendRow::of(self.binding, FrontendState::Listening(self.spec.audience))
    }

    fn target(&self) -> ListenTarget {
        ListenTarget {
            binding: self.binding.clone(),
            runtime: Arc::clone(self.runtime),
            allowed_sources: self.spec.allowed_sources.clone(),
        }
    }
}

impl ListenerGroup {
    /// Opens an address on `members` of `workers`, or uses the sockets at that address that another weir has handed over.
    pub(super) fn open(
        wanted: &WantedListener<'_>,
        workers: &[WorkerHandle],
        mut members: Vec<Member>,
        inherited: Vec<Socket>,
        ListenOptions { backlog, foreign }: ListenOptions,
        permit: DescriptorPermit,
    ) -> io::Result<Self> {
        let allowed_sources = wanted.spec.allowed_sources.as_deref();
        let dead_peer_timeout = wanted.binding.port.settings.dead_peer_timeout;
        let options = Options { allowed_sources, dead_peer_timeout, foreign };
        let (listen, count) = (wanted.binding.listen, members.len());
        let sockets = match inherited.is_empty() {
            true => socket::open_group(listen, options, count, backlog)?,
            false => inherited::adopt_group(listen, options, inherited, count, backlog)?,
        };
        members.truncate(sockets.len());
        for (&Member { worker, id }, socket) in members.iter().zip(sockets) {
            workers[worker].send(Command::Listen { id, socket, target: wanted.target() });
        }
        Ok(Self { members, spec: wanted.spec.clone(), _descriptors: permit })
    }

    /// Redirects the open sockets to another target; each worker answers when its own is redirected.
    pub(super) fn redirect(
        &mut self,
        wanted: &WantedListener<'_>,
        workers: &[WorkerHandle],
    ) -> Vec<oneshot::Receiver<io::Result<()>>> {
        self.spec = wanted.spec.clone();
        let redirect = |&Member { worker, id }: &Member| {
            let target = wanted.target();
            workers[worker].call(|done| Command::Redirect { id, target, done })
        };
        self.members.iter().map(redirect).collect()
    }

    /// Closes the sockets; each worker answers when its own is closed.
    pub(super) fn close(&self, workers: &[WorkerHandle]) -> Vec<oneshot::Receiver<()>> {
        let close =
            |&Member { worker, id }: &Member| workers[worker].call(|done| Command::Close { id, done });
        self.members.iter().map(close).collect()
    }

    /// Numbers of the sockets.
    pub(super) fn ids(&self) -> impl Iterator<Item = ListenerId> {
        self.members.iter().map(|member| member.id)
    }

    /// Number of descriptors that the group holds.
    pub(super) fn descriptors(&self) -> usize {
        self.members.len()
    }
}
