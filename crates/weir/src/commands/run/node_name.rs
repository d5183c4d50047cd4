//! Do manifests know the node that this weir is for?

use crate::commands::names::meant;
use std::{collections::BTreeSet, sync::Arc};
use tracing::warn;

/// Warns if no Node of manifests has this name.
pub(super) fn warn_if_unknown(name: &str, known: &BTreeSet<Arc<str>>) {
    if !known.contains(name) {
        let names: Vec<&str> = known.iter().map(|known| &**known).collect();
        warn!(
            "the manifests have no Node named {name:?}{}, which zone hints, local endpoints and node ports need; is \
             --node-name right?",
            meant(name, &names, "they have")
        );
    }
}
