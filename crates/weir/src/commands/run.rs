//! What is `weir run`? The proxy, from its start to its end.

mod data_plane;
mod end;
mod findings;
mod frontends;
mod host_addresses;
mod node_name;
mod progress;
mod reload;
mod servers;
mod start;

pub(crate) use start::run;
