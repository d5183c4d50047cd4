//! Which settings do the commands take that ask a running weir?

mod commands;
mod conns;
mod lists;
mod service_name;
mod socket;
mod steering;

pub(super) use commands::{ConfigArgs, EventsArgs, LogLevelArgs, StatusArgs, TopArgs};
pub use commands::{ConfigOptions, EventsOptions, LogLevelOptions, StatusOptions, TopOptions};
pub(crate) use conns::ConnectionState;
pub(super) use conns::ConnsArgs;
pub use conns::ConnsOptions;
pub(super) use lists::{EndpointsArgs, ServicesArgs};
pub use lists::{EndpointsOptions, ServicesOptions};
pub(crate) use service_name::ServiceName;
pub(super) use service_name::service_name;
pub(super) use socket::{RuntimeDirArgs, SocketArgs};
pub(crate) use steering::SteeringChange;
pub(super) use steering::{DrainArgs, KillArgs, WeightArgs};
pub use steering::{KillOptions, SteeringOptions};
