//! Which endpoint does a new connection or flow get?

pub(crate) mod affinity;
pub(crate) mod binding;
pub(crate) mod endpoints;
pub(crate) mod node_context;
pub(crate) mod port_runtime;
pub(crate) mod routing_table;
pub(crate) mod self_addresses;
