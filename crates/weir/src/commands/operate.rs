//! What does the weir of this host say? Commands that ask it over its admin socket and print the answer.

mod config;
mod conns;
mod endpoints;
mod events;
mod explain;
mod known;
mod list;
mod log_level;
mod services;
mod status;

pub(crate) use config::config;
pub(crate) use conns::conns;
pub(crate) use endpoints::endpoints;
pub(crate) use events::events;
pub(crate) use explain::explain_running;
pub(crate) use list::list;
pub(crate) use log_level::log_level;
pub(crate) use services::services;
pub(crate) use status::status;
