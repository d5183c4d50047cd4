//! Dev-only servers, hosts and objects: what weir's tests and benchmarks use instead of endpoints, networks and an API server.
//!
//! | question | answer |
//! |---|---|
//! | an endpoint that speaks TCP, well or badly | [`TcpServer`] with a [`Behaviour`] |
//! | an endpoint that speaks UDP | [`UdpServer`] with a [`UdpBehaviour`] |
//! | an endpoint that is not there | [`refused_address`], [`BlackHole`] |
//! | the Kubernetes API server | [`ApiServer`], with TLS by an [`Authority`], or a [`RealApiServer`] |
//! | hosts of a network | [`Namespace`] |
//! | nodes, pods and an outside client | [`cluster`] |
//! | the objects of a large cluster, and how they change | [`load`] |
//! | a Service in a Snapshot, without a control plane | [`services`] |
//! | a Pod's service account | [`in_a_pod`] |
//! | a program as a user runs it | [`Program`], [`output`], [`http_get`] |
//! | what another process does | [`eventually`], [`wait_until`] |
//! | a test that takes long at full size | [`scaled`], [`scaled_connections`] |
//! | a server that must not share the caller's thread | [`OwnThread`] |
//!
//! Every server is spawned on the current tokio runtime and ends when its handle is dropped. A wait for
//! something that a server should see (`wait_for_…`) gives up after [`WAIT_LIMIT`].

mod api_server;
pub mod cluster;
pub mod load;
mod machine;
mod process;
mod servers;
pub mod services;

pub use api_server::{
    ApiServer, Authority, Backup, EndlessList, Misbehaviour, Parameters, RealApiServer, Requests, Resource,
    Sighting,
};
pub use machine::{Namespace, UNKNOWN_AUTHORITY, in_a_pod, installed, scaled, scaled_connections};
pub use process::{
    HANG, LoggedText, Program, eventually, http_get, idle, output, uninterrupted, wait_until,
    without_test_settings,
};
pub use servers::{
    Behaviour, BlackHole, OwnThread, TcpServer, UdpBehaviour, UdpServer, WAIT_LIMIT, refused_address,
};
