//! What do all connections and flows of a worker have in common?

pub(crate) mod captured_frontends;
pub(crate) mod close_signal;
pub(crate) mod closed_ring;
pub(crate) mod connection;
pub(crate) mod connection_context;
pub(crate) mod connections;
pub(crate) mod context;
pub(crate) mod frontend;
pub(crate) mod local_metrics;
pub(crate) mod peer_watch;
pub(crate) mod siblings;
pub(crate) mod termination;
pub(crate) mod yielding;
