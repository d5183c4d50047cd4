//! When does a TCP connection try the next endpoint, when is a peer dead, and when does the proxy end a connection?

mod connect;
mod liveness;
pub mod termination;

pub use connect::{ConnectSchedule, ConnectStep, MAX_CONNECT_ATTEMPTS, MAX_RACING_ATTEMPTS};
pub use liveness::{Liveness, PeerReport, PeerVerdict};
