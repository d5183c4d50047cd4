//! When does a TCP connection try the next endpoint, and when does the proxy end one?

mod connect;
pub mod termination;

pub use connect::{ConnectSchedule, ConnectStep, MAX_CONNECT_ATTEMPTS, MAX_RACING_ATTEMPTS};
