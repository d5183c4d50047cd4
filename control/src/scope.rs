//! For whom are objects read?

use crate::Selection;
use weir_core::Settings;

/// For whom objects are read.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The name of this proxy's node; empty when it runs on none.
    pub node_name: String,
    /// Which Services are ours.
    pub selection: Selection,
    /// The settings of Services whose annotations say nothing else.
    pub defaults: Settings,
    /// Whether special addresses are refused (see [`weir_core::guards`]); `None`: those from an API server are, those in
    /// manifests are not.
    pub guards: Option<bool>,
}
