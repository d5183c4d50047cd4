//! What does the log say of objects, manifests and watches? Each thing once, until it changes.

use super::log_deduplicator::{Journal, Repeats};
use crate::{Event, FileProblem, Kind, ObjectKey, Problem, Refusals, WatchState};
use tokio::time::Instant;
use tracing::{info, warn};
use weir_core::{
    ServiceKey,
    guards::{Refusal, Role},
};

/// How many lines one load of manifests may add to the log.
const MOST_LINES: usize = 20;

/// What was said.
#[derive(Default)]
pub(super) struct Told {
    problems: Journal<ObjectKey, Problem>,
    file_problems: Journal<(), FileProblem>,
    /// By role and reason, and of Services' own addresses by what is said.
    refusals: Journal<ServiceKey, (Role, Refusal, Option<String>)>,
    repeats: Repeats,
}

impl Told {
    /// Says what is new of an object's problems; returns its kind for each.
    pub(super) fn problems(&mut self, event: &Event, problems: Vec<Problem>) -> Vec<Kind> {
        let (Event::Put(key, _) | Event::Keep(key) | Event::Delete(key)) = event else { return Vec::new() };
        let news = self.problems.news(key, problems);
        for Problem { object, field, message, .. } in &news {
            warn!(%object, %field, "{message}");
        }
        vec![key.kind; news.len()]
    }

    /// Says what is new of what guards refuse of a Service.
    pub(super) fn refusals(&mut self, refusals: &Refusals) {
        let problems = refusals.problems();
        // Endpoints come and go all the time; a Service's addresses are somebody's edit, who wants to hear of each.
        let subject = |(&(role, reason), problem): (&(Role, Refusal), &Problem)| {
            (role, reason, (role == Role::Frontend).then(|| problem.message.clone()))
        };
        for (role, reason, _) in self.refusals.news(&refusals.service, problems.iter().map(subject)) {
            let Some(Problem { object, field, message, .. }) = problems.get(&(role, reason)) else {
                continue;
            };
            warn!(%object, %field, "{message}");
        }
    }

    /// Says what is new of all that is wrong with the manifests; returns how much that is.
    pub(super) fn file_problems(&mut self, problems: &[FileProblem]) -> usize {
        let news = self.file_problems.news(&(), problems.iter().cloned());
        for problem in news.iter().take(MOST_LINES) {
            warn!("{problem}");
        }
        if news.len() > MOST_LINES {
            warn!("and {} more problems in the manifests", news.len() - MOST_LINES);
        }
        news.len()
    }

    /// Says what is news of a watch.
    pub(super) fn watch(&mut self, kind: Kind, state: &WatchState) {
        if !self.repeats.is_news(kind, state, Instant::now()) {
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
