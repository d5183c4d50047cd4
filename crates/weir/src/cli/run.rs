//! Which settings does `weir run` take?

mod arguments;
mod options;
mod origins;

pub(super) use arguments::RunArgs;
pub(super) use options::workers;
pub(crate) use options::{NodeOptions, RunOptions};
pub(super) use origins::Origins;
