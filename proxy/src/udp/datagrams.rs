//! How do many datagrams go through a socket in one system call?

pub(super) mod batch;
pub(super) mod batch_socket;
pub(super) mod by_flow;
pub(super) mod gso;
pub(super) mod sender;
