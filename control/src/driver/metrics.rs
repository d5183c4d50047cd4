//! What does the control plane count?

use super::propagation::Unclear;
use crate::{
    Event, FileProblem, Kind, LeftOut, Problem, WatchState,
    metric_families::{
        CONNECTED, EVENTS, GENERATION, LEFT_OUT, OUTAGE_SINCE, PROBLEMS, REFUSED_ENDPOINTS,
        REFUSED_FRONTENDS, UNCLEAR_PROPAGATION,
    },
};
use metrics::{Counter, Gauge, counter, gauge};
use weir_core::guards::{Refusal, Refused, Role};

/// Handles of the control plane's metrics, registered once.
pub(super) struct Metrics {
    events: [Counter; Kind::ALL.len()],
    problems: [Counter; Kind::ALL.len()],
    connected: [Gauge; Kind::ALL.len()],
    outage_since: Gauge,
    refused_endpoints: [Counter; Refusal::ALL.len()],
    refused_frontends: [Counter; Refusal::ALL.len()],
    left_out: [Counter; LeftOut::ALL.len()],
    file_problems: Counter,
    pub(super) generation: Gauge,
    clock_differs: Counter,
    too_many: Counter,
}

impl Metrics {
    pub(super) fn register() -> Self {
        let refused =
            |name: &'static str| Refusal::ALL.map(|reason| counter!(name, "reason" => reason.as_str()));
        Self {
            refused_endpoints: refused(REFUSED_ENDPOINTS.name),
            refused_frontends: refused(REFUSED_FRONTENDS.name),
            events: Kind::ALL.map(|kind| counter!(EVENTS.name, "kind" => kind.as_str())),
            problems: Kind::ALL.map(|kind| counter!(PROBLEMS.name, "kind" => kind.as_str())),
            connected: Kind::ALL.map(|kind| gauge!(CONNECTED.name, "kind" => kind.as_str())),
            outage_since: gauge!(OUTAGE_SINCE.name),
            left_out: LeftOut::ALL.map(|reason| counter!(LEFT_OUT.name, "reason" => reason.as_str())),
            file_problems: counter!(PROBLEMS.name, "kind" => "manifest"),
            generation: gauge!(GENERATION.name),
            clock_differs: counter!(UNCLEAR_PROPAGATION.name, "reason" => "clock_differs"),
            too_many: counter!(UNCLEAR_PROPAGATION.name, "reason" => "too_many"),
        }
    }

    pub(super) fn event(&self, event: &Event) {
        if let Event::Put(key, _) | Event::Delete(key) = event {
            self.events[key.kind as usize].increment(1);
        }
    }

    /// Counts changes of endpoints whose propagation time is inexact or not measured.
    pub(super) fn unclear(&self, why: Unclear, changes: usize) {
        let counter = match why {
            Unclear::ClockDiffers => &self.clock_differs,
            Unclear::TooMany => &self.too_many,
        };
        counter.increment(changes as u64);
    }

    /// Counts a new problem with the object of an event.
    pub(super) fn problem(&self, event: &Event, problem: &Problem) {
        let (Event::Put(key, _) | Event::Keep(key) | Event::Delete(key)) = event else { return };
        self.count(&self.problems[key.kind as usize], problem.left_out, problem.count);
    }

    /// Counts a new problem with manifests.
    pub(super) fn file_problem(&self, problem: &FileProblem) {
        self.count(&self.file_problems, problem.left_out, problem.count);
    }

    fn count(&self, problems: &Counter, left_out: Option<LeftOut>, count: usize) {
        let counter = left_out.map_or(problems, |reason| &self.left_out[reason as usize]);
        counter.increment(count as u64);
    }

    pub(super) fn refused(&self, refused: &Refused) {
        for &(role, reason, _) in refused {
            let counters = match role {
                Role::Endpoint => &self.refused_endpoints,
                Role::Frontend | Role::LoadBalancerIp => &self.refused_frontends,
            };
            counters[reason as usize].increment(1);
        }
    }

    pub(super) fn watch(&self, kind: Kind, state: &WatchState) {
        self.connected[kind as usize].set(f64::from(u8::from(*state == WatchState::Connected)));
    }

    /// Sets the start of the API server's outage, in seconds of Unix time; 0 without an outage.
    pub(super) fn outage_since(&self, seconds: u64) {
        self.outage_since.set(seconds as f64);
    }
}
