//! What does the control plane count?

use super::propagation::Unclear;
use crate::{Event, Kind, WatchState};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use weir_core::guards::{Refusal, Refused, Role};

/// Handles of the control plane's metrics, registered once.
pub(super) struct Metrics {
    events: [Counter; Kind::ALL.len()],
    problems: [Counter; Kind::ALL.len()],
    connected: [Gauge; Kind::ALL.len()],
    outage_since: Gauge,
    refused_endpoints: [Counter; Refusal::ALL.len()],
    refused_frontends: [Counter; Refusal::ALL.len()],
    pub(super) file_problems: Counter,
    pub(super) generation: Gauge,
    clock_differs: Counter,
    too_many: Counter,
}

/// Name of the counter of failed lists and watches, which the watches themselves increment by kind and reason.
pub(crate) const WATCH_ERRORS: &str = "weir_control_watch_errors_total";

const OUTAGE_SINCE: &str = "weir_api_server_away_since_timestamp_seconds";
const REFUSED_ENDPOINTS: &str = "weir_endpoints_refused_total";
const REFUSED_FRONTENDS: &str = "weir_frontends_refused_total";
const UNCLEAR: &str = "weir_endpoint_propagation_unclear_total";

impl Metrics {
    pub(super) fn register() -> Self {
        describe_counter!("weir_control_events_total", "Objects that came, changed or went");
        describe_counter!("weir_control_problems_total", "Parts of objects that could not be used");
        describe_counter!(WATCH_ERRORS, "Failed lists and watches, each retried");
        describe_gauge!("weir_control_connected", "1 while the watch of a kind is established");
        describe_gauge!(
            OUTAGE_SINCE,
            "Unix time since when Services or EndpointSlices are not watched; 0 while both are"
        );
        describe_gauge!("weir_snapshot_generation", "Generation of the Snapshot that was published last");
        describe_counter!(REFUSED_ENDPOINTS, "Endpoints that guards refused, by reason");
        describe_counter!(REFUSED_FRONTENDS, "Service addresses that guards refused, by reason");
        describe_counter!(
            UNCLEAR,
            "Changes of endpoints whose propagation time is too short or left out, by reason"
        );
        let refused =
            |name: &'static str| Refusal::ALL.map(|reason| counter!(name, "reason" => reason.as_str()));
        Self {
            refused_endpoints: refused(REFUSED_ENDPOINTS),
            refused_frontends: refused(REFUSED_FRONTENDS),
            events: Kind::ALL.map(|kind| counter!("weir_control_events_total", "kind" => kind.as_str())),
            problems: Kind::ALL.map(|kind| counter!("weir_control_problems_total", "kind" => kind.as_str())),
            connected: Kind::ALL.map(|kind| gauge!("weir_control_connected", "kind" => kind.as_str())),
            outage_since: gauge!(OUTAGE_SINCE),
            file_problems: counter!("weir_control_problems_total", "kind" => "manifest"),
            generation: gauge!("weir_snapshot_generation"),
            clock_differs: counter!(UNCLEAR, "reason" => "clock_differs"),
            too_many: counter!(UNCLEAR, "reason" => "too_many"),
        }
    }

    pub(super) fn event(&self, event: &Event) {
        if let Event::Put(key, _) | Event::Delete(key) = event {
            self.events[key.kind as usize].increment(1);
        }
    }

    /// Touches every series: a recorder that drops series without changes would cut their handles off.
    pub(super) fn touch(&self) {
        let counters = self.events.iter().chain(&self.problems).chain([&self.file_problems]);
        let refused = self.refused_endpoints.iter().chain(&self.refused_frontends);
        let unclear = [&self.clock_differs, &self.too_many];
        counters.chain(refused).chain(unclear).for_each(|counter| counter.increment(0));
        self.connected
            .iter()
            .chain([&self.generation, &self.outage_since])
            .for_each(|gauge| gauge.increment(0.0));
    }

    /// Counts changes of endpoints whose propagation time is inexact or not measured.
    pub(super) fn unclear(&self, why: Unclear, changes: usize) {
        let counter = match why {
            Unclear::ClockDiffers => &self.clock_differs,
            Unclear::TooMany => &self.too_many,
        };
        counter.increment(changes as u64);
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

    /// Sets the start of the API server's outage, in seconds of Unix time; 0 without an outage.
    pub(super) fn outage_since(&self, seconds: u64) {
        self.outage_since.set(seconds as f64);
    }
}
