//! What takes the place of flags that were not given? Values from variables or from the `--config` file.

pub(super) mod config_file;
mod layer;
mod variables;

pub(super) use layer::Layer;
pub(super) use variables::Variables;
pub use variables::variable_of;
