//! How is the API server reached, and which of its answers are refused?

mod access;
mod answer;
mod config;
mod config_error;
mod credentials;
mod data;
mod request;
mod request_metrics;
mod shared_client;
mod tls;
mod transport;
mod watch_history;
mod watch_rate_limiter;

pub(super) use answer::FOREIGN;
pub use config_error::{ConfigError, PluginError, UrlError};
pub(super) use shared_client::{ApiClient, SharedClient};
pub(crate) use shared_client::{address, url};
pub(super) use tls::is_authority_as_server;
pub(super) use watch_history::AnswerBeginning;
