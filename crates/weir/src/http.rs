//! What does weir answer over HTTP itself?

#[cfg(test)]
pub(crate) mod client;
mod closing;
pub(crate) mod compress;
mod connections;
mod lifetime;
mod probes;
mod reply;
mod server;

pub(crate) use closing::{Closing, Listening};
pub(crate) use connections::Connections;
pub(crate) use lifetime::Lifetime;
pub(crate) use probes::Probes;
pub(crate) use reply::{JSON, Reply, TEXT, not_found, reply, stream};
pub(crate) use server::{QUICK_RETRY, Server, quick_pause};
