//! What does each command do?

mod cleanup;
mod demo;
mod doctor;
mod explain;
mod problems;
mod resolve;
mod run;
mod signals;

pub(crate) use cleanup::cleanup;
pub(crate) use demo::demo;
pub(crate) use doctor::doctor;
pub(crate) use explain::explain;
pub(crate) use resolve::resolve;
pub(crate) use run::run;
