//! What does each route tell? One file a route, and what several of them share.

pub(super) mod asked;
pub(super) mod config;
pub(super) mod connections;
pub(super) mod events;
pub(super) mod explain;
pub(super) mod leases;
mod list;
pub(super) mod log_level;
pub(super) mod page;
pub(super) mod services;
pub(super) mod stream;
pub(super) mod summary;
