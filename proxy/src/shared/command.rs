//! What can a worker be commanded? Plain data; the worker's event loop carries it out.

use super::connection_info::{ConnectionFilter, ConnectionInfo, FlowInfo};
use crate::{
    limits::{admission::ConnectionPermit, service_usage::ServiceUsage},
    routing::{binding::Binding, port_runtime::PortRuntime},
    telemetry::close_reason::Closed,
};
use ipnet::IpNet;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;
use weir_core::{EndpointRemoved, Frontend, FrontendKind, Origin, PeerReport, Protocol};

/// Time between two [`Command::Tick`]s: how often counts reach the metrics, and how late a connection that has been
/// silent for too long may end.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// A command to one worker. Commands with `done` are answered once carried out.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve the clients of a bound socket.
    Listen { id: ListenerId, socket: socket2::Socket, target: ListenTarget },
    /// Serve the clients that arrive at a capture socket (node mode).
    Capture(CaptureSocket),
    /// Apply changes of captured frontends to new connections and flows (node mode).
    ChangeCaptured { changes: Arc<[FrontendChange]>, done: oneshot::Sender<()> },
    /// Serve another target through an open socket from now on.
    Redirect { id: ListenerId, target: ListenTarget, done: oneshot::Sender<io::Result<()>> },
    /// Close a socket, after serving the clients in its queue. Answered when the socket is closed.
    Close { id: ListenerId, done: oneshot::Sender<()> },
    /// Duplicate the listening sockets of frontends, and serve nobody through them until [`Command::Resume`].
    Pass { done: oneshot::Sender<Vec<(ListenerId, OwnedFd)>> },
    /// Serve clients through passed sockets again. Answered once that is so.
    Resume { done: oneshot::Sender<()> },
    /// Close the listening sockets of frontends, but those passed ones from which UDP flows reply. Answered when they are
    /// closed.
    Release { done: oneshot::Sender<()> },
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
    /// Judge one side of a connection by what the kernel said `at` this time. `written` bytes had been written to that
    /// side when it was asked.
    PeerReport { connection: u64, side: Side, written: u64, at: Instant, report: PeerReport },
    /// Serve a client that another worker has accepted.
    Adopt(HandedOver),
    /// End the UDP flow of `client` that has been idle for longest. A worker without one passes the command on, to at
    /// most `left` siblings.
    EvictFlow { service: Arc<ServiceUsage>, client: IpAddr, left: usize },
    /// Count the live TCP connections.
    Count { done: oneshot::Sender<usize> },
    /// Count the UDP flows.
    CountFlows { done: oneshot::Sender<usize> },
    /// Tell the numbers of all live connections or flows that are `from` this one or later, in any order.
    Numbers { of: Listed, from: u64, done: oneshot::Sender<Vec<u64>> },
    /// Describe those of these connections that live and match. Not many at once: the worker serves nobody meanwhile.
    Describe {
        numbers: Box<[u64]>,
        filter: Arc<ConnectionFilter>,
        done: oneshot::Sender<Vec<ConnectionInfo>>,
    },
    /// Describe those of these flows that live and match, as [`Self::Describe`].
    DescribeFlows { numbers: Box<[u64]>, filter: Arc<ConnectionFilter>, done: oneshot::Sender<Vec<FlowInfo>> },
    /// Describe at most `max` connections that have ended, from this one of them on.
    Closed { from: u64, max: usize, done: oneshot::Sender<ClosedSlice> },
}

/// What a worker lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Connections,
    Flows,
}

/// Connections that have ended on one worker, oldest first.
#[derive(Debug)]
pub(crate) struct ClosedSlice {
    pub(crate) connections: Vec<ConnectionInfo>,
    /// Number of the first of them among all that have ended: greater than asked for if those are forgotten.
    pub(crate) first: u64,
    /// Number after the last of them.
    pub(crate) next: u64,
    /// Number of connections that have ended.
    pub(crate) ended: u64,
}

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Endpoint,
}

/// Number of a listening socket.
pub(crate) type ListenerId = u64;

/// The Service port behind a listening socket, and the clients that get through.
#[derive(Clone, Debug)]
pub(crate) struct ListenTarget {
    pub(crate) binding: Binding,
    pub(crate) runtime: Arc<PortRuntime>,
    /// Networks whose packets get through; `None` means all.
    pub(crate) allowed_sources: Option<Arc<[IpNet]>>,
    /// Mark of the socket; `None` where it has none.
    pub(crate) mark: Option<u32>,
}

/// A capture socket for one worker.
#[derive(Debug)]
pub(crate) struct CaptureSocket {
    pub(crate) protocol: Protocol,
    pub(crate) origin: Origin,
    pub(crate) socket: socket2::Socket,
}

/// The Service port behind a captured frontend.
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

/// Endpoints of a Service port that were removed.
#[derive(Clone, Debug)]
pub(crate) enum RemovedEndpoints {
    /// Some endpoints, sorted.
    Endpoints(Arc<[SocketAddr]>),
    /// All endpoints: the port is no longer served.
    Port,
}

/// A client on its way to another worker, with the dialled frontend and the permit of the connection.
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

impl CapturedFrontend {
    /// Whether both have one kind and one runtime.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && Arc::ptr_eq(&self.runtime, &other.runtime)
    }
}

impl RemovedEndpoints {
    /// Collects removed endpoints, given in any order.
    pub(crate) fn endpoints(mut addresses: Vec<SocketAddr>) -> Self {
        addresses.sort_unstable();
        Self::Endpoints(addresses.into())
    }

    /// Whether an endpoint was removed.
    pub(crate) fn contains(&self, address: SocketAddr) -> bool {
        match self {
            Self::Endpoints(addresses) => addresses.binary_search(&address).is_ok(),
            Self::Port => true,
        }
    }
}
