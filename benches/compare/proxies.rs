//! Which proxies take part, and how do they run?

mod config;
mod process;
mod programs;

pub(crate) use config::{FOLDER, Resources};
pub(crate) use process::Proxy;
pub(crate) use programs::Programs;
