//! What is logged of objects, manifests and watches? Each problem once, until it changes.

use super::log_deduplicator::{LogDeduplicator, WatchLogDeduplicator};
use crate::{Event, FileProblem, Kind, ObjectKey, Problem, Refusals, WatchState};
use tokio::time::Instant;
use tracing::{info, warn};
use weir_core::{
    ServiceKey,
    guards::{Refusal, Role},
};

/// Log lines that one load of manifests may add.
const MAX_LINES: usize = 20;

/// Log of the control plane, without repetitions.
#[derive(Default)]
pub(super) struct Log {
    problems: LogDeduplicator<ObjectKey, Problem>,
    file_problems: LogDeduplicator<(), FileProblem>,
    /// Refused addresses of each Service, by role and reason; frontends also by message.
    refusals: LogDeduplicator<ServiceKey, (Role, Refusal, Option<String>)>,
    watches: WatchLogDeduplicator,
}

impl Log {
    /// Logs the problems of an object that are new; returns the object's kind once for each.
    pub(super) fn problems(&mut self, event: &Event, problems: Vec<Problem>) -> Vec<Kind> {
        let (Event::Put(key, _) | Event::Keep(key) | Event::Delete(key)) = event else { return Vec::new() };
        let new = self.problems.unlogged(key, problems);
        for Problem { object, field, message, .. } in &new {
            warn!(%object, %field, "{message}");
        }
        vec![key.kind; new.len()]
    }

    /// Logs the refused addresses of a Service that are new.
    pub(super) fn refusals(&mut self, refusals: &Refusals) {
        let problems = refusals.problems();
        // Endpoints change all the time, so that a role and reason are logged once. A Service's own addresses
        // change by an edit, and its author wants to hear of each.
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

    /// Logs the problems of manifests that are new; returns their number.
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

    /// Logs the state of a watch, if it is new.
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
