//! What was found by reading all objects once?

use super::report::Report;
use crate::{Objects, Problem, Refusals, State, Store};
use weir_core::{ServiceKey, Snapshot, guards::Refused};

/// All objects of a source, read once.
#[derive(Debug)]
pub struct Loaded {
    /// Snapshot that the node would serve.
    pub snapshot: Snapshot,
    /// Objects that the Snapshot follows from, without the special addresses that guards refused.
    pub state: State,
    /// Objects and problems that were found in manifests; empty for an API server.
    pub report: Report,
    /// Problems with objects of an API server; empty for manifests.
    pub problems: Vec<Problem>,
    /// Addresses that guards refused, sorted by Service; empty without guards.
    pub refusals: Vec<Refusals>,
    /// What could not be read, and what that means, each as a sentence.
    pub notes: Vec<String>,
}

impl Loaded {
    /// What a running control plane has: a Snapshot, and the objects that it follows from.
    pub fn running(snapshot: Snapshot, objects: Objects) -> Self {
        Self {
            snapshot,
            refusals: objects.refusals(),
            state: objects.state,
            report: Report::default(),
            problems: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// What follows from all objects of a store.
    pub(crate) fn of(mut store: Store) -> Self {
        let commit = store.commit();
        Self {
            snapshot: commit.snapshot,
            state: store.guarded_state(),
            report: Report::default(),
            problems: Vec::new(),
            refusals: commit.refusals,
            notes: Vec::new(),
        }
    }

    /// Addresses of a Service that guards refused.
    pub fn refused(&self, service: &ServiceKey) -> &Refused {
        static NONE: Refused = Refused::new();
        let found = self.refusals.binary_search_by(|refusals| refusals.service.cmp(service));
        found.map_or(&NONE, |position| &self.refusals[position].refused)
    }
}
