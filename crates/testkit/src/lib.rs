//! Dev-only servers that weir's tests and benchmarks put in the place of endpoints and of the API server.
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
//! | a Pod's service account | [`in_a_pod`] |
//! | a program as a user runs it | [`Program`], [`output`], [`http_get`] |
//! | what another process does | [`eventually`], [`wait_until`] |
//! | a test that takes long at full size | [`scaled`], [`scaled_connections`] |
//! | a server that must not share the caller's thread | [`OwnThread`] |
//!
//! Every server is spawned on the current tokio runtime and ends when its handle is dropped. A wait for
//! something that a server should see (`wait_for_…`) gives up after [`WAIT_LIMIT`].

mod api_server;
mod authority;
pub mod cluster;
mod counter;
mod folder;
pub mod load;
mod namespace;
mod own_thread;
mod pod;
mod process;
mod real_api_server;
mod scale;
mod skip;
mod tasks;
mod tcp;
mod udp;
mod unreachable;

pub use api_server::{ApiServer, Backup, EndlessList, Misbehaviour, Parameters, Requests, Resource};
pub use authority::Authority;
pub use counter::WAIT_LIMIT;
pub use namespace::Namespace;
pub use own_thread::OwnThread;
pub use pod::{UNKNOWN_AUTHORITY, in_a_pod};
pub use process::{HANG, Program, eventually, http_get, idle, output, wait_until};
pub use real_api_server::RealApiServer;
pub use scale::{scaled, scaled_connections};
pub use tcp::{Behaviour, TcpServer};
pub use udp::{UdpBehaviour, UdpServer};
pub use unreachable::{BlackHole, refused_address};
