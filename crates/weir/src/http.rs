//! What does weir answer over HTTP itself?

pub(crate) mod admin;
#[cfg(test)]
pub(crate) mod client;
mod probes;
mod server;

pub(crate) use probes::Probes;
pub(crate) use server::{Connections, JSON, Reply, Server, reply};
