//! What does weir answer over HTTP itself?

pub(crate) mod admin;
#[cfg(test)]
pub(crate) mod client;
mod compress;
mod connections;
mod probes;
mod reply;
mod server;

pub(crate) use connections::Connections;
pub(crate) use probes::Probes;
pub(crate) use reply::{JSON, Reply, reply};
pub(crate) use server::{QUICK_RETRY, Server};
