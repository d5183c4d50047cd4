//! What is logged of objects, manifests and watches? Each problem once, until it changes.

mod budget;
mod deduplicator;

use crate::{
    Event, FileProblem, Kind, LeftOut, Problem, Refusals, WatchState,
    events::{reason_of, reason_of_refusal},
    model::{grouped, shown},
};
use budget::{LogBudget, Weight};
use deduplicator::{LogDeduplicator, WatchLogDeduplicator};
use std::path::Path;
use tokio::time::Instant;
use tracing::{field::display, info, warn};
use weir_core::{
    Snapshot,
    guards::{Refusal, Role},
};

/// Log of the control plane, without repetitions and within a budget.
pub(super) struct Log {
    problems: LogDeduplicator,
    file_problems: LogDeduplicator,
    /// Refused addresses of each Service, by role and reason; frontends also by message.
    refusals: LogDeduplicator,
    watches: WatchLogDeduplicator,
    /// Budget of all lines about objects.
    budget: LogBudget,
    /// Budget of lines about watches: objects that flood the log must not hide that the API server is away.
    watch_budget: LogBudget,
}

impl Log {
    /// Creates a log that has said nothing yet.
    pub(super) fn new(start: Instant) -> Self {
        Self {
            problems: LogDeduplicator::default(),
            file_problems: LogDeduplicator::default(),
            refusals: LogDeduplicator::default(),
            watches: WatchLogDeduplicator::default(),
            budget: LogBudget::new(start),
            watch_budget: LogBudget::new(start),
        }
    }

    /// Logs the problems of an object that are new, and returns them.
    pub(super) fn problems(&mut self, event: &Event, problems: Vec<Problem>) -> Vec<Problem> {
        let (Event::Put(key, _) | Event::Keep(key) | Event::Delete(key)) = event else { return Vec::new() };
        let new = self.problems.unlogged(key, problems);
        let now = Instant::now();
        for problem in &new {
            match weight(problem.left_out) {
                weight if !self.budget.take(weight, now) => {}
                Weight::Problem => {
                    let event = reason_of(problem).filter(|_| key.kind == Kind::Service).map(display);
                    warn!(object = %problem.object, field = %problem.field, event, "{}", problem.message)
                }
                Weight::Note => {
                    info!(object = %problem.object, field = %problem.field, "{}", problem.message)
                }
            }
        }
        new
    }

    /// Logs the refused addresses of a Service that are new.
    pub(super) fn refusals(&mut self, refusals: &Refusals) {
        let problems = refusals.problems();
        // Endpoints change all the time, so that a role and reason are logged once. A Service's own addresses
        // change by an edit, and its author wants to hear of each.
        let subject = |(&(role, reason), problem): (&(Role, Refusal), &Problem)| {
            (role, reason, (role != Role::Endpoint).then(|| problem.message.clone()))
        };
        let now = Instant::now();
        for (role, reason, _) in self.refusals.unlogged(&refusals.service, problems.iter().map(subject)) {
            let Some(Problem { object, field, message, .. }) = problems.get(&(role, reason)) else {
                continue;
            };
            if self.budget.take(Weight::Problem, now) {
                let event = reason_of_refusal(role, reason);
                warn!(%object, %field, %event, "{message}");
            }
        }
    }

    /// Logs the problems of manifests that are new, and returns them.
    pub(super) fn file_problems(&mut self, problems: &[FileProblem]) -> Vec<FileProblem> {
        // The name of a file does not tell when the file has gone: all files are one subject.
        let new = self.file_problems.unlogged(&Path::new(""), problems.iter().cloned());
        let now = Instant::now();
        for problem in &new {
            match weight(problem.left_out) {
                weight if !self.budget.take(weight, now) => {}
                Weight::Problem => warn!("{problem}"),
                Weight::Note => info!("{problem}"),
            }
        }
        new
    }

    /// Waits until [`log_summary`](Self::log_summary) has something to say.
    pub(super) fn until_summary(&self) -> impl Future<Output = ()> + use<> {
        self.budget.until_summary()
    }

    /// Logs how many lines about objects were left out, if that is due.
    pub(super) fn log_summary(&mut self) {
        if let Some(unsaid) = self.budget.summary(Instant::now()) {
            warn!(
                unsaid,
                "there was more to say about objects: {} lines of the last minute are left out, which weir_control_problems_total \
                 and weir_control_left_out_total count; weir resolve and weir explain tell all of an object",
                grouped(unsaid)
            );
        }
    }

    /// Logs the state of a watch, if it is new.
    pub(super) fn watch(&mut self, kind: Kind, state: &WatchState) {
        let now = Instant::now();
        let is_failure = matches!(state, WatchState::Failing(_));
        if !self.watches.should_log(kind, state, now)
            || is_failure && !self.watch_budget.take(Weight::Problem, now)
        {
            return;
        }
        match state {
            WatchState::Connecting => {}
            WatchState::Connected => info!("watching {} again", kind.resource()),
            WatchState::Failing(message) => warn!("{}", shown(message, MAX_WATCH_CHARS)),
            WatchState::Off(message) => info!("{}", shown(message, MAX_WATCH_CHARS)),
        }
    }
}

/// Characters of a line about a watch, which ends with words of a server.
const MAX_WATCH_CHARS: usize = 1000;

/// Number of Services, in words.
pub(super) fn services(snapshot: &Snapshot) -> String {
    match snapshot.services().count() {
        0 => "there is no Service to serve".into(),
        1 => "1 Service to serve".into(),
        many => format!("{many} Services to serve"),
    }
}

fn weight(left_out: Option<LeftOut>) -> Weight {
    if left_out.is_some_and(LeftOut::is_wanted) { Weight::Note } else { Weight::Problem }
}
