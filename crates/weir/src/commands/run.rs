//! What is `weir run`? The proxy, from its start to its end.

mod frontends;
mod progress;
mod servers;
mod serving;
mod start;

pub(crate) use start::run;
