//! How is the API server reached, and which of its answers are refused?

mod answer;
mod config;
mod request;
mod shared_client;
mod token;
mod watch_history;
mod watch_rate_limiter;

pub use config::ConfigError;
pub(super) use shared_client::{ApiClient, SharedClient};
pub(crate) use shared_client::{address, url};
