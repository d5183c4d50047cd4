//! How is a weir asked that runs on this host? Over its admin socket, by the contract of docs/api.md.
//!
//! What answers may be an older or newer weir, or no weir at all: every answer is bounded in time and size, keys that are not
//! known are passed over, and what is not there is shown as such.

mod ask;
mod body;
mod event;
mod failure;
mod query;
mod socket;

pub(crate) use ask::{Client, with_client};
pub(crate) use event::Event;
pub(crate) use failure::Failure;
pub(crate) use query::Query;
pub(crate) use socket::AdminSocket;
