//! How is the API server reached, and what is refused of what it answers?

mod access;
mod answer;
mod config;
mod request;
mod token;
mod watch_history;
mod watch_rate_limiter;

pub(super) use access::{Access, Lent};
pub(crate) use access::{address, url};
pub use config::ConfigError;
