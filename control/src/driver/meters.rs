//! What does the control plane count?

use crate::{Event, Kind, WatchState};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

/// Handles, registered once.
pub(super) struct Meters {
    events: [Counter; Kind::ALL.len()],
    problems: [Counter; Kind::ALL.len()],
    connected: [Gauge; Kind::ALL.len()],
    pub(super) file_problems: Counter,
    pub(super) generation: Gauge,
}

/// Counted by the watches themselves, by kind and reason.
pub(crate) const WATCH_ERRORS: &str = "weir_control_watch_errors_total";

impl Meters {
    pub(super) fn register() -> Self {
        describe_counter!("weir_control_events_total", "Objects that came, changed or went");
        describe_counter!("weir_control_problems_total", "Parts of objects that could not be used");
        describe_counter!(WATCH_ERRORS, "Failed lists and watches, each retried");
        describe_gauge!("weir_control_connected", "1 while the watch of a kind is established");
        describe_gauge!("weir_snapshot_generation", "Generation of the Snapshot that was published last");
        Self {
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
        counters.for_each(|counter| counter.increment(0));
        self.connected.iter().chain([&self.generation]).for_each(|gauge| gauge.increment(0.0));
    }

    pub(super) fn problem(&self, kind: Kind) {
        self.problems[kind as usize].increment(1);
    }

    pub(super) fn watch(&self, kind: Kind, state: &WatchState) {
        self.connected[kind as usize].set(f64::from(u8::from(*state == WatchState::Connected)));
    }
}
