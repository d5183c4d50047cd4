//! For whom are objects read?

use crate::Selection;

/// For whom objects are read.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The name of this proxy's node; empty when it runs on none.
    pub node_name: String,
    /// Which Services are ours.
    pub selection: Selection,
    /// Whether special addresses are refused (see [`weir_core::guards`]); `None`: those from an API server are, those in
    /// manifests are not.
    pub guards: Option<bool>,
}
