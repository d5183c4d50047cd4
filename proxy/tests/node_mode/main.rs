//! Does the data plane serve what rules bring to its capture sockets? In network namespaces, with rules written by hand:
//! needs root and nft(8).
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

#[path = "../common/mod.rs"]
mod common;

mod bed;
mod bridge;
mod held_ports;
mod marks;
mod origin;
mod paused;
mod refusals;
mod rules;
mod sources;
mod start;
mod tcp;
mod udp;
