//! What takes the place of flags that were not given? Values from variables or from the `--config` file.

pub(super) mod config_file;
mod layer;

pub(super) use layer::Layer;
pub use layer::variable_of;
