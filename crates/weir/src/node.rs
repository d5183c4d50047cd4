//! How does weir serve a whole node? Rules that capture its traffic, and the ports where load balancers ask for it.

mod capturing;
mod conntrack;
mod health_checks;

pub(crate) use capturing::{AppliedState, NodeCapture, start_capture};
