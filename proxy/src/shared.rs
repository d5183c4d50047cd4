//! What do the workers and the thread that steers them share?

pub(crate) mod config;
pub(crate) mod error;
