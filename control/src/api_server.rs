//! Which objects does an API server hold, now and after each change?

mod access_review;
mod api_object;
mod backoff;
mod client;
mod event_writer;
mod examine;
mod explain;
mod list_once;
mod nodes;
mod source;
mod start;
mod target;
mod watch;

pub use client::{ConfigError, PluginError, UrlError};
pub(crate) use client::{address, url};
pub use examine::{Examination, Need, Right, examine_api_server};
pub use list_once::{ListError, load_api_server};
pub use source::KubeSource;
pub(crate) use start::{Links, start, start_with_retries};
