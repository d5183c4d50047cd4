//! What is `weir run`? The proxy, from its start to its end.

mod frontends;
mod start;

pub(crate) use start::run;
