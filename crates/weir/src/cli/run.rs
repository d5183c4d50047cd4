//! Which settings does `weir run` take?

mod arguments;
mod levels;
mod options;

pub(super) use arguments::{Map, RunArgs};
pub(super) use levels::SettingLevels;
pub(crate) use options::NodeOptions;
pub use options::RunOptions;
pub(super) use options::workers;
