//! Which proxies take part, and how do they run?

mod config;
mod process;
mod programs;
mod resources;

pub(crate) use config::FOLDER;
pub(crate) use process::Proxy;
pub(crate) use programs::Programs;
pub(crate) use resources::Resources;
