//! The data plane of weir: how do a Service's clients reach its endpoints?
//!
//! ```text
//! Snapshot -> plan (pure) -> listeners -> worker: accept -> slot.pick -> dial -> relay
//! ```
//!
//! The thread that calls [`Proxy::apply`] owns the listeners, slots and the registry of endpoint loads. Worker threads
//! own their connections and flows. They share slots: immutable routes, swapped whole.

mod admission;
mod affinity;
mod bridges;
mod catalog;
mod checks;
mod clock;
mod closed;
mod config;
mod connection;
mod connections;
mod counters;
mod descriptors;
mod endings;
mod endpoints;
mod error;
mod filter;
mod frontend;
mod host;
mod listener;
mod listeners;
mod metric_families;
mod order;
mod own;
mod peers;
mod place;
mod plan;
mod proxy;
mod receivers;
mod seldom;
mod service_load;
mod slot;
mod socket;
mod tally;
mod tcp;
mod thread;
mod turn;
mod udp;
mod worker;

pub use bridges::{Bridges, SetBridges};
pub use closed::Closed;
pub use config::{Config, Marks, NodeMode};
pub use connection::ConnectionInfo;
pub use descriptors::{Descriptors, Taken};
pub use error::Error;
pub use host::interface_addresses;
pub use listeners::{Applied, FrontendRow, FrontendState};
pub use metric_families::METRIC_FAMILIES;
pub use proxy::{Drained, Proxy, TOUCH_EVERY};
pub use receivers::{Ports, Receivers};
