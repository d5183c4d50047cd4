//! What does the control plane count?

use crate::{Event, Kind, WatchState};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use weir_core::guards::{Refusal, Refused, Role};

/// Handles, registered once.
pub(super) struct Meters {
    events: [Counter; Kind::ALL.len()],
    problems: [Counter; Kind::ALL.len()],
    connected: [Gauge; Kind::ALL.len()],
    refused_endpoints: [Counter; Refusal::ALL.len()],
    refused_frontends: [Counter; Refusal::ALL.len()],
    pub(super) file_problems: Counter,
    pub(super) generation: Gauge,
}

/// Counted by the watches themselves, by kind and reason.
pub(crate) const WATCH_ERRORS: &str = "weir_control_watch_errors_total";

const REFUSED_ENDPOINTS: &str = "weir_endpoints_refused_total";
const REFUSED_FRONTENDS: &str = "weir_frontends_refused_total";

impl Meters {
    pub(super) fn register() -> Self {
        describe_counter!("weir_control_events_total", "Objects that came, changed or went");
        describe_counter!("weir_control_problems_total", "Parts of objects that could not be used");
        describe_counter!(WATCH_ERRORS, "Failed lists and watches, each retried");
        describe_gauge!("weir_control_connected", "1 while the watch of a kind is established");
        describe_gauge!("weir_snapshot_generation", "Generation of the Snapshot that was published last");
        describe_counter!(REFUSED_ENDPOINTS, "Endpoints that guards refused, by reason");
        describe_counter!(REFUSED_FRONTENDS, "Service addresses that guards refused, by reason");
        let refused =
            |name: &'static str| Refusal::ALL.map(|reason| counter!(name, "reason" => reason.as_str()));
        Self {
            refused_endpoints: refused(REFUSED_ENDPOINTS),
            refused_frontends: refused(REFUSED_FRONTENDS),
            events: Kind::ALL.map(|kind| counter!("weir_control_events_total", "kind" => kind.as_str())),
            problems: Kind::ALL.map(|kind| counter!("weir_control_problems_total", "kind" => kind.as_str())),
            connected: Kind::ALL.map(|kind| gauge!("weir_control_connected", "kind" => kind.as_str())),
            file_problems: counter!("weir_control_problems_total", "kind" => "manifest"),
            generation: gauge!("weir_snapshot_generation"),
        }
    }

    pub(super) fn event(&self, event: &Event) {
        if let Event::Put(key, _) | Event::Delete(key) = event {
            self.events[key.kind as usize].increment(1);
        }
    }

    /// Marks every series as alive. A recorder that drops quiet series would cut their handles off.
    pub(super) fn touch(&self) {
        let counters = self.events.iter().chain(&self.problems).chain([&self.file_problems]);
        let refused = self.refused_endpoints.iter().chain(&self.refused_frontends);
        counters.chain(refused).for_each(|counter| counter.increment(0));
        self.connected.iter().chain([&self.generation]).for_each(|gauge| gauge.increment(0.0));
    }

    pub(super) fn problem(&self, kind: Kind) {
        self.problems[kind as usize].increment(1);
    }

    pub(super) fn refused(&self, refused: &Refused) {
        for &(role, reason, _) in refused {
            let counters = match role {
                Role::Endpoint => &self.refused_endpoints,
                Role::Frontend => &self.refused_frontends,
            };
            counters[reason as usize].increment(1);
        }
    }

    pub(super) fn watch(&self, kind: Kind, state: &WatchState) {
        self.connected[kind as usize].set(f64::from(u8::from(*state == WatchState::Connected)));
    }
}
