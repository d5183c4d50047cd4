//! How does what is open come to be what a Snapshot asks for?

pub(crate) mod bind_failure;
pub(crate) mod capture_sockets;
mod captured;
mod health_check;
mod health_report;
mod listener_group;
mod node_ports;
mod node_view;
mod occurrences;
pub(crate) mod plan;
pub(crate) mod reconciler;
pub(crate) mod report;
mod retry;
mod sockets;
