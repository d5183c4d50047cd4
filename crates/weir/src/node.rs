//! How does weir serve a whole node? Rules that capture its traffic, and the ports where load balancers ask for it.

mod capturing;
mod conntrack;
mod health_checks;
mod takeover;

pub(crate) use capturing::{AppliedState, NodeCapture, start_capture};
pub(crate) use takeover::TakenOver;
