//! What does the data plane tell those who look? Read from other threads, at no cost to workers but for listing.

pub(crate) mod endpoint_state;
pub(crate) mod endpoint_view;
mod judge;
mod listing;
pub(crate) mod observer;
pub(crate) mod port_view;
pub(crate) mod registry;
pub(crate) mod watching;
