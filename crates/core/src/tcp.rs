//! When is a TCP connection tried, and when is it ended?

mod connect;
pub mod termination;

pub use connect::{ConnectSchedule, ConnectStep, MAX_CONNECT_ATTEMPTS, MAX_RACING_ATTEMPTS};
