//! What does this host lack for node mode? `weir doctor` looks and changes nothing.

mod check;
mod examine;
mod firewall;
mod neighbours;
mod network;
mod parameters;
mod rules;
mod settings;

pub(crate) use examine::doctor;
