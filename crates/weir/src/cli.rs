//! What can be said on weir's command line?

mod defaults;
mod explain;
mod layers;
mod limits;
mod log_filter;
mod network;
mod objects;
mod options;
mod parse;
mod run;
mod values;

pub use explain::ExplainOptions;
pub(crate) use explain::{AskedFlow, Question};
pub use layers::variable_of;
pub(crate) use objects::{ObjectOptions, ObjectSource};
pub(crate) use options::Output;
pub use options::{CleanupOptions, DemoOptions, DoctorOptions, ResolveOptions};
pub use parse::{Command, command, parse};
pub(crate) use run::NodeOptions;
pub use run::RunOptions;
pub(crate) use run::WhenTakenOver;
