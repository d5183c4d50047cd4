//! How is one address opened, redirected and closed on several workers?

use super::report::{FrontendRow, FrontendState};
use crate::{
    limits::descriptor_budget::DescriptorPermit,
    routing::{binding::Binding, node_context::NodeContext, port_runtime::PortRuntime},
    shared::command::{Command, ListenTarget, ListenerId},
    sys::{
        inherited, marks,
        socket::{self, Options},
    },
    worker::handle::WorkerHandle,
};
use ipnet::IpNet;
use socket2::Socket;
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};
use tokio::sync::oneshot;
use weir_core::{Audience, Family, Frontend, FrontendKind, Origin, PortKey, Protocol, Verdict};

/// Open sockets on one address, on some workers.
#[derive(Debug)]
pub(super) struct ListenerGroup {
    members: Vec<Member>,
    pub(super) spec: ListenSpec,
    /// The port that the sockets have if a process of this host holds the frontend's: the rules bring clients there.
    pub(super) stand_in_port: Option<u16>,
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
    /// Clients that can be served now; `None` for none but those of UDP flows in progress.
    audience: Option<Audience>,
    /// Networks whose packets get through; `None` means all.
    allowed_sources: Option<Arc<[IpNet]>>,
    /// Whether flows of clients from outside go on untouched meanwhile.
    passes: bool,
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
    /// The spec of the sockets of a binding; `None` if none are to be open.
    pub(super) fn of(binding: &Binding, node_context: &NodeContext) -> Option<Self> {
        let audience = binding.audience();
        if audience.is_none() && !is_open_in_silence(binding, node_context) {
            return None;
        }
        Some(Self {
            allowed_sources: audience
                .and_then(|audience| node_context.allowed_sources(binding, audience))
                .map(Arc::from),
            audience,
            passes: binding.port.passes(binding.kind, Origin::Outside),
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

/// Whether UDP sockets are open although no new client is served. In node mode they are where policy is silent, as capture
/// sockets are: flows in progress go on (semantics C3), and a closed socket would refuse (N2). In bind mode nothing can be
/// silent.
fn is_open_in_silence(binding: &Binding, node_context: &NodeContext) -> bool {
    let verdict = |origin| binding.port.verdict(binding.kind, origin);
    node_context.node_mode.is_some()
        && binding.listen.protocol == Protocol::Udp
        && [Origin::Node, Origin::Outside].map(verdict).contains(&Verdict::Drop)
}

impl WantedListener<'_> {
    /// Report of whom the address serves.
    pub(super) fn row(&self) -> FrontendRow {
        let state = self.spec.audience.map_or(FrontendState::NoEndpoints, FrontendState::Listening);
        FrontendRow::of(self.binding, state)
    }

    /// Mark of the sockets, where `foreign` is that of packets to clients. Sockets on localhost are ordinary ones: nothing
    /// is captured there.
    fn mark(&self, foreign: Option<u32>) -> Option<u32> {
        let Frontend { protocol, address } = self.binding.listen;
        let passes = self.spec.passes && protocol == Protocol::Tcp;
        foreign
            .filter(|_| !address.ip().is_loopback())
            .map(|mark| if passes { marks::passing(mark) } else { mark })
    }

    fn target(&self, foreign: Option<u32>) -> ListenTarget {
        ListenTarget {
            binding: self.binding.clone(),
            runtime: Arc::clone(self.runtime),
            allowed_sources: self.spec.allowed_sources.clone(),
            mark: self.mark(foreign),
        }
    }
}

impl ListenerGroup {
    /// Opens an address on `members` of `workers`, or uses the sockets at that address that another weir has handed over.
    /// Another port of the address will do if `may_stand_in` and a process of this host has the port, there or at all
    /// addresses.
    pub(super) fn open(
        wanted: &WantedListener<'_>,
        workers: &[WorkerHandle],
        mut members: Vec<Member>,
        inherited: Vec<Socket>,
        may_stand_in: bool,
        ListenOptions { backlog, foreign }: ListenOptions,
        permit: DescriptorPermit,
    ) -> io::Result<Self> {
        let allowed_sources = wanted.spec.allowed_sources.as_deref();
        let dead_peer_timeout = wanted.binding.port.settings.dead_peer_timeout;
        let options = Options { allowed_sources, dead_peer_timeout, foreign: wanted.mark(foreign) };
        let (listen, count) = (wanted.binding.listen, members.len());
        let open = |listen| socket::open_group(listen, options, count, backlog);
        let sockets = if !inherited.is_empty() {
            inherited::adopt_group(listen, options, inherited, count, backlog)?
        } else {
            match open(listen) {
                // Where no rules bring clients nobody would come to another port.
                Err(error)
                    if error.kind() == ErrorKind::AddrInUse && may_stand_in && options.foreign.is_some() =>
                {
                    let address = SocketAddr::new(listen.address.ip(), 0);
                    open(Frontend { address, ..listen })?
                }
                sockets => sockets?,
            }
        };
        members.truncate(sockets.len());
        let port = sockets.first().map(socket::port).transpose()?;
        let stand_in_port = port.filter(|port| *port != listen.address.port());
        for (&Member { worker, id }, socket) in members.iter().zip(sockets) {
            workers[worker].send(Command::Listen { id, socket, target: wanted.target(foreign) });
        }
        Ok(Self { members, spec: wanted.spec.clone(), stand_in_port, _descriptors: permit })
    }

    /// Redirects the open sockets to another target; each worker answers when its own is redirected.
    pub(super) fn redirect(
        &mut self,
        wanted: &WantedListener<'_>,
        workers: &[WorkerHandle],
        foreign: Option<u32>,
    ) -> Vec<oneshot::Receiver<io::Result<()>>> {
        self.spec = wanted.spec.clone();
        let redirect = |&Member { worker, id }: &Member| {
            let target = wanted.target(foreign);
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

    /// The frontend whose port another port stands in for. In node mode a frontend is listened for at its own address.
    pub(super) fn listen(&self) -> Frontend {
        Frontend { protocol: self.spec.port.protocol, address: self.spec.frontend }
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
