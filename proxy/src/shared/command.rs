//! What can a worker be told? Plain data; the worker's event loop knows how to obey.

use crate::{
    limits::{admission::ConnectionPermit, service_usage::ServiceUsage},
    routing::{binding::Binding, port_runtime::PortRuntime},
    telemetry::close_reason::Closed,
};
use ipnet::IpNet;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;
use weir_core::{EndpointRemoved, Flow, Frontend, FrontendKind, Origin, PortKey, Protocol};

/// Time between two [`Command::Tick`]s: how often counts reach the metrics, and how late a connection that has been
/// silent for too long may end.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// A command to one worker. Those with `done` are answered once they are carried out.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve the clients of a bound socket.
    Listen { id: ListenerId, socket: socket2::Socket, target: ListenTarget },
    /// Serve what arrives at a capture socket (node mode).
    Capture(CaptureSocket),
    /// Serve captured frontends as they are to be from now on.
    ChangeCaptured { changes: Arc<[FrontendChange]>, done: oneshot::Sender<()> },
    /// Serve another target through an open socket from now on.
    Redirect { id: ListenerId, target: ListenTarget, done: oneshot::Sender<io::Result<()>> },
    /// Close a socket, after serving the clients in its queue. Answered when the socket is closed.
    Close { id: ListenerId, done: oneshot::Sender<()> },
    /// Accept no new connection. Answered when all listening TCP sockets are closed.
    StopAccepting { done: oneshot::Sender<()> },
    /// Answered when the last TCP connection has ended, once nothing new is accepted.
    Drain { done: oneshot::Sender<()> },
    /// Apply the Service's rule to connections of endpoints that were removed.
    EndpointsRemoved { runtime: Arc<PortRuntime>, removed: RemovedEndpoints, rule: EndpointRemoved },
    /// End all connections. Answered with their number, once all were signalled.
    EndAll { reason: Closed, done: oneshot::Sender<usize> },
    /// [`TICK`] has passed.
    Tick,
    /// Serve a client that another worker has accepted.
    Adopt(HandedOver),
    /// End the client's UDP flow that has been idle for longest, or ask `left` more workers to.
    EvictFlow { service: Arc<ServiceUsage>, client: IpAddr, left: usize },
    /// Count the live TCP connections.
    Count { done: oneshot::Sender<usize> },
    /// List the live TCP connections.
    List { done: oneshot::Sender<Vec<ConnectionInfo>> },
}

/// Names a listening socket; the same number on all workers that listen on one address.
pub(crate) type ListenerId = u64;

/// What a listening socket serves, and to whom.
#[derive(Clone, Debug)]
pub(crate) struct ListenTarget {
    pub(crate) binding: Binding,
    pub(crate) runtime: Arc<PortRuntime>,
    /// Networks whose packets get through; `None` means all.
    pub(crate) allowed_sources: Option<Arc<[IpNet]>>,
}

/// A capture socket for one worker.
#[derive(Debug)]
pub(crate) struct CaptureSocket {
    pub(crate) protocol: Protocol,
    pub(crate) origin: Origin,
    pub(crate) socket: socket2::Socket,
}

/// What serves a captured frontend.
#[derive(Clone, Debug)]
pub(crate) struct CapturedFrontend {
    pub(crate) kind: FrontendKind,
    pub(crate) runtime: Arc<PortRuntime>,
}

/// A change of one captured frontend.
#[derive(Clone, Debug)]
pub(crate) struct FrontendChange {
    pub(crate) frontend: Frontend,
    /// The target of new connections and flows from now on; `None` if the frontend is no longer served.
    pub(crate) target: Option<CapturedFrontend>,
}

/// Which endpoints of a Service port are gone.
#[derive(Clone, Debug)]
pub(crate) enum RemovedEndpoints {
    /// These, sorted.
    Endpoints(Arc<[SocketAddr]>),
    /// All: the port is no longer served.
    Port,
}

/// A client on its way to another worker, and what it dialled.
#[derive(Debug)]
pub(crate) struct HandedOver {
    pub(crate) client: std::net::TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) address: SocketAddr,
    pub(crate) kind: FrontendKind,
    pub(crate) origin: Option<Origin>,
    pub(crate) runtime: Arc<PortRuntime>,
    pub(crate) permit: ConnectionPermit,
}

/// One live connection, as listed by [`crate::Proxy::connections`].
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The connection as the client sees it.
    pub flow: Flow,
    /// The Service port that it came through.
    pub port: PortKey,
    /// The endpoint; `None` while it is being dialled.
    pub endpoint: Option<SocketAddr>,
    /// When it was accepted.
    pub opened: Instant,
    /// Bytes relayed to the endpoint.
    pub to_endpoint: u64,
    /// Bytes relayed to the client.
    pub to_client: u64,
}

impl CapturedFrontend {
    /// Whether two descriptions mean one and the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && Arc::ptr_eq(&self.runtime, &other.runtime)
    }
}

impl RemovedEndpoints {
    /// These endpoints, in any order.
    pub(crate) fn endpoints(mut addresses: Vec<SocketAddr>) -> Self {
        addresses.sort_unstable();
        Self::Endpoints(addresses.into())
    }

    /// Whether an endpoint is among them.
    pub(crate) fn contains(&self, address: SocketAddr) -> bool {
        match self {
            Self::Endpoints(addresses) => addresses.binary_search(&address).is_ok(),
            Self::Port => true,
        }
    }
}
