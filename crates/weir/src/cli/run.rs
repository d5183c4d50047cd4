//! Which settings does `weir run` take?

mod arguments;
mod options;
mod origins;

pub(super) use arguments::RunArgs;
pub(crate) use options::NodeOptions;
pub use options::RunOptions;
pub(super) use options::workers;
pub(super) use origins::Origins;
