//! How does a newcomer take over from a weir that runs? Through a socket in the runtime directory.
//!
//! ```text
//! newcomer                          older weir
//! hello ──────────────────────────> hello                   not ready from now on
//!   ... until everything is known
//! ask ────────────────────────────> passes sockets and lock, serves no new clients of theirs
//! received <── sockets, in parts
//! serves, writes its table
//! confirm ────────────────────────> closes its duplicates and its own ports
//!         <── released              ends with its connections
//! ```
//!
//! Whatever goes wrong before `confirm`, the older one serves on.

mod channel;
mod message;
mod newcomer;
mod older;
mod steps;

pub(crate) use newcomer::Newcomer;
pub(crate) use older::{HandOverEvent, HandOverServer, TakenOver};
