//! Which settings does `weir run` take?

mod admin;
mod arguments;
mod connection_log;
mod node_mode;
mod options;
mod settings;

pub(crate) use admin::{AdminOptions, TlsFiles};
pub(crate) use arguments::WhenTakenOver;
pub(super) use arguments::{Events, Map, RunArgs};
pub(crate) use options::NodeOptions;
pub use options::RunOptions;
pub(super) use options::workers;
pub(crate) use settings::EffectiveSettings;

/// Flags that take effect without a restart.
pub(crate) const LIVE_SETTINGS: [&str; 2] = ["drain-timeout", "log-level"];
