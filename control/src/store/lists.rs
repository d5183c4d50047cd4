//! Which kinds were listed completely, and which objects has a running list not named?

use crate::{Kind, ObjectKey};
use std::collections::{HashMap, HashSet};

/// Progress of the list of each kind.
#[derive(Debug, Default)]
pub(super) struct Lists(HashMap<Kind, List>);

/// Progress of one list.
#[derive(Debug)]
enum List {
    /// The list has begun and names objects.
    Running {
        /// Objects named so far.
        seen: HashSet<ObjectKey>,
        /// Whether an earlier list of the kind was complete.
        complete: bool,
    },
    Complete,
}

impl Lists {
    /// Begins a list of all objects of a kind.
    pub(super) fn begin(&mut self, kind: Kind) {
        let complete = self.is_complete(kind);
        self.0.insert(kind, List::Running { seen: HashSet::new(), complete });
    }

    /// Marks an object as named by the running list of its kind, if one runs.
    pub(super) fn mark_seen(&mut self, key: &ObjectKey) {
        if let Some(List::Running { seen, .. }) = self.0.get_mut(&key.kind) {
            seen.insert(key.clone());
        }
    }

    /// Completes the running list of a kind; returns the objects that it named, `None` if no list was running.
    pub(super) fn complete(&mut self, kind: Kind) -> Option<HashSet<ObjectKey>> {
        match self.0.insert(kind, List::Complete) {
            Some(List::Running { seen, .. }) => Some(seen),
            Some(List::Complete) | None => None,
        }
    }

    /// Whether the current or an earlier list of a kind was complete.
    pub(super) fn is_complete(&self, kind: Kind) -> bool {
        matches!(self.0.get(&kind), Some(List::Complete | List::Running { complete: true, .. }))
    }
}
