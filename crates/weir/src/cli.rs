//! What can be said on weir's command line?

mod defaults;
mod explain;
mod layers;
mod limits;
mod manifests;
mod network;
mod options;
mod parse;
mod run;
mod values;

pub(crate) use explain::{AskedFlow, ExplainOptions, Question};
pub(crate) use options::{CleanupOptions, DemoOptions, DoctorOptions, Output, ResolveOptions};
pub(crate) use parse::{Command, parse};
pub(crate) use run::{NodeOptions, RunOptions};
