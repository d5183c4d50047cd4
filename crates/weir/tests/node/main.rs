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
mod closed_udp;
mod connection_tracking;
#[path = "../common/families.rs"]
mod families;
mod forward_firewalls;
mod forwarding;
mod guarded;
mod held_ports;
mod hops;
mod load_balancers;
mod local_node_ports;
mod many;
mod metrics;
mod network_plugins;
mod network_policies;
mod objects;
mod passing;
mod policies;
mod reach;
mod restarts;
mod reused_ports;
mod safety;
mod same_bridge;
mod source_ports;
mod sources;
mod takeover;
mod weights;
