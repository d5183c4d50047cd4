//! Which settings does `weir run` take?

mod arguments;

pub(super) use arguments::{CONFIG, Origins, RunArgs, workers};
pub(crate) use arguments::{NodeOptions, RunOptions};
