//! How long do changes of endpoints take until they are served? From their cause, and from when weir hears of them.

use super::families::{NETWORK_PROGRAMMING, PROPAGATION};
use metrics::{Histogram, histogram};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use weir_control::{EndpointChange, PublishedChanges};
use weir_core::{Family, PerFamily};

/// Measures each change once what the proxy serves (in node mode: and what the rules capture) is at its generation. Ends
/// when one of the two does.
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

/// Handles, registered once. Families are the only label: a label for each Service would come and go.
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
