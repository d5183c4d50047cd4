//! What does the log say of objects, manifests and watches? Each thing once, until it changes.

use super::log_deduplicator::{LogDeduplicator, WatchLogDeduplicator};
use crate::{Event, FileProblem, Kind, ObjectKey, Problem, Refusals, WatchState};
use tokio::time::Instant;
use tracing::{info, warn};
use weir_core::{
    ServiceKey,
    guards::{Refusal, Role},
};

/// How many lines one load of manifests may add to the log.
const MAX_LINES: usize = 20;

/// What was said.
#[derive(Default)]
pub(super) struct Log {
    problems: LogDeduplicator<ObjectKey, Problem>,
    file_problems: LogDeduplicator<(), FileProblem>,
    /// By role and reason, and of Services' own addresses by what is said.
    refusals: LogDeduplicator<ServiceKey, (Role, Refusal, Option<String>)>,
    watches: WatchLogDeduplicator,
}

impl Log {
    /// Says what is new of an object's problems; returns its kind for each.
    pub(super) fn problems(&mut self, event: &Event, problems: Vec<Problem>) -> Vec<Kind> {
        let (Event::Put(key, _) | Event::Keep(key) | Event::Delete(key)) = event else { return Vec::new() };
        let new = self.problems.unlogged(key, problems);
        for Problem { object, field, message, .. } in &new {
            warn!(%object, %field, "{message}");
        }
        vec![key.kind; new.len()]
    }

    /// Says what is new of what guards refuse of a Service.
    pub(super) fn refusals(&mut self, refusals: &Refusals) {
        let problems = refusals.problems();
        // Endpoints come and go all the time; a Service's addresses are somebody's edit, who wants to hear of each.
        let subject = |(&(role, reason), problem): (&(Role, Refusal), &Problem)| {
            (role, reason, (role == Role::Frontend).then(|| problem.message.clone()))
        };
        for (role, reason, _) in self.refusals.unlogged(&refusals.service, problems.iter().map(subject)) {
            let Some(Problem { object, field, message, .. }) = problems.get(&(role, reason)) else {
                continue;
            };
            warn!(%object, %field, "{message}");
        }
    }

    /// Says what is new of all that is wrong with the manifests; returns how much that is.
    pub(super) fn file_problems(&mut self, problems: &[FileProblem]) -> usize {
        let new = self.file_problems.unlogged(&(), problems.iter().cloned());
        for problem in new.iter().take(MAX_LINES) {
            warn!("{problem}");
        }
        if new.len() > MAX_LINES {
            warn!("and {} more problems in the manifests", new.len() - MAX_LINES);
        }
        new.len()
    }

    /// Says what is new of a watch.
    pub(super) fn watch(&mut self, kind: Kind, state: &WatchState) {
        if !self.watches.should_log(kind, state, Instant::now()) {
            return;
        }
        match state {
            WatchState::Connecting => {}
            WatchState::Connected => info!("watching {} again", kind.resource()),
            WatchState::Failing(message) => warn!("{message}"),
            WatchState::Off(message) => info!("{message}"),
        }
    }
}
