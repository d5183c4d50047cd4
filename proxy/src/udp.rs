//! How are UDP clients served? requests -> sessions -> sender, and replies back

mod accounting;
pub(crate) mod captured;
pub(crate) mod context;
mod datagrams;
#[cfg(test)]
mod fixture;
mod flow;
mod flow_sockets;
pub(crate) mod flow_table;
mod replies;
mod reply_socket;
pub(crate) mod requests;
mod scratch;
pub(crate) mod sessions;
pub(crate) mod termination;
