//! Is `weir run --mode node` a Service proxy? The built program on the nodes of a cluster of network namespaces.
//!
//! Needs root, or what [`weir_testkit::cluster`] says about doing without.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod affinity;
mod bed;
mod beside;
mod bridges;
mod capture;
mod changes;
#[path = "../common/families.rs"]
mod families;
mod held_ports;
mod load_balancers;
mod many;
mod metrics;
mod objects;
mod policies;
mod reach;
mod restarts;
mod safety;
mod sources;
mod takeover;
