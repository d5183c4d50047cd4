//! What does this host lack for node mode? `weir doctor` looks and changes nothing.

mod check;
mod cluster;
mod examine;
mod firewall;
mod forwarding;
mod neighbours;
mod network;
mod packets;
mod parameters;
mod pod_networks;
mod policies;
mod rules;
mod settings;
mod subject;

pub(crate) use examine::doctor;
