//! Which objects does an API server hold, now and after each change?

mod backoff;
mod client;
mod explain;
mod source;
mod start;
mod target;
mod trimmed;
mod watch;

pub use client::ConfigError;
pub(crate) use client::{address, url};
pub use source::KubeSource;
pub(crate) use start::{start, start_with_retries};
