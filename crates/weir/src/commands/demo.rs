//! How can somebody see weir work? `weir demo` serves a Service with endpoints inside this process.

mod backend;
mod cluster;
mod show;
mod visitor;

pub(crate) use show::demo;
