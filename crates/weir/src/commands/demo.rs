//! How can a newcomer see weir work? `weir demo` serves a Service with endpoints inside this process.

mod backend;
mod client;
mod cluster;
mod show;

pub(crate) use show::demo;
