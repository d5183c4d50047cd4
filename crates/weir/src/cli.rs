//! What can be said on weir's command line?

mod client;
mod defaults;
mod doctor;
mod explain;
mod guards;
mod layers;
mod limits;
mod log_filter;
mod network;
mod objects;
mod options;
mod parse;
mod run;
mod values;

pub use client::{
    ConfigOptions, ConnsOptions, EndpointsOptions, EventsOptions, KillOptions, LogLevelOptions,
    ServicesOptions, StatusOptions, SteeringOptions, TopOptions,
};
pub(crate) use client::{ConnectionState, ServiceName, SteeringChange};
pub(crate) use doctor::ANSWER_TIMEOUT;
pub use doctor::DoctorOptions;
pub(crate) use explain::{AskedFlow, Question, Target};
pub use explain::{ExplainOptions, RunningExplainOptions};
pub use layers::variable_of;
pub(crate) use log_filter::log_filter;
pub(crate) use network::ClusterNetwork;
pub(crate) use objects::{ObjectOptions, ObjectSource};
pub(crate) use options::ServiceSelection;
pub use options::{
    CleanupOptions, CompletionOptions, DemoOptions, ManOptions, ResolveOptions, VersionOptions,
};
pub use parse::{Command, command, parse};
pub use run::RunOptions;
pub(crate) use run::WhenTakenOver;
pub(crate) use run::{AdminOptions, EffectiveSettings, LIVE_SETTINGS, NodeOptions, TlsFiles};
