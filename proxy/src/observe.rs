//! What does the data plane tell those who look? Read from other threads, at no cost to workers but for listing.

pub(crate) mod connection_paths;
pub(crate) mod endpoint_state;
pub(crate) mod endpoint_view;
mod judge;
pub(crate) mod killer;
mod listing;
pub(crate) mod observer;
pub(crate) mod port_view;
mod read_port;
pub(crate) mod registry;
pub(crate) mod watching;
