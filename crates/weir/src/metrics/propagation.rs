//! How long do changes of endpoints take until they are served? From their cause, and from their receipt by weir.

use super::families::{NETWORK_PROGRAMMING, PROPAGATION};
use metrics::{Histogram, histogram};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use weir_control::{EndpointChange, PublishedChanges};
use weir_core::{Family, PerFamily};

/// Measures each change once its generation is served, and in node mode captured by the rules. Ends when `changes` or
/// `in_force` ends.
pub(crate) async fn measure(
    changes: &mut mpsc::Receiver<PublishedChanges>,
    mut in_force: watch::Receiver<u64>,
) {
    let histograms = Histograms::register();
    while let Some(brought) = changes.recv().await {
        if in_force.wait_for(|&generation| generation >= brought.generation).await.is_err() {
            return;
        }
        let now = Instant::now();
        brought.changes.iter().for_each(|change| histograms.record(change, now));
    }
}

/// Handles of the histograms, registered once. No label is a Service's: such labels would come and go.
struct Histograms {
    from_trigger: Histogram,
    from_receipt: Histogram,
    network_programming: PerFamily<Histogram>,
}

impl Histograms {
    fn register() -> Self {
        let of_family = |family: Family| histogram!(NETWORK_PROGRAMMING.name, "ip_family" => family.as_str());
        Self {
            from_trigger: histogram!(PROPAGATION.name, "from" => "trigger"),
            from_receipt: histogram!(PROPAGATION.name, "from" => "receipt"),
            network_programming: PerFamily { v4: of_family(Family::V4), v6: of_family(Family::V6) },
        }
    }

    fn record(&self, change: &EndpointChange, now: Instant) {
        if let Some(duration) = change.since_triggered(now) {
            self.from_trigger.record(duration);
            self.network_programming.get(change.family).record(duration);
        }
        self.from_receipt.record(change.since_received(now));
    }
}
