//! When is a TCP connection tried, and when is it ended?

pub mod dial;
pub mod ending;
