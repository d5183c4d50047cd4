//! How are UDP clients served? requests -> sessions -> sender, and replies back

mod accounting;
mod batch;
mod batch_socket;
mod by_flow;
pub(crate) mod captured;
pub(crate) mod context;
#[cfg(test)]
mod fixture;
mod flow;
pub(crate) mod flow_table;
mod gso;
mod replies;
mod reply_socket;
pub(crate) mod requests;
mod scratch;
mod sender;
pub(crate) mod sessions;
