//! How do probes learn how far the data plane is?

use crate::{health::ClockReading, http::Probes};
use tokio::sync::watch;
use weir_control::Status;
use weir_core::Family;

/// Notes for the probes when changes wait and when changes are served (semantics Z1).
pub(super) async fn report_progress(
    mut status: watch::Receiver<Status>,
    mut served: watch::Receiver<u64>,
    probes: &Probes,
) {
    loop {
        let Status { ready, oldest_unapplied, generation, .. } = *status.borrow_and_update();
        let up_to_date = oldest_unapplied.is_none() && *served.borrow_and_update() >= generation;
        // Families are applied together, so they report together.
        for family in Family::ALL.into_iter().filter(|_| ready) {
            match up_to_date {
                true => probes.health().updated(family, ClockReading::now()),
                false => probes.health().queued(family, ClockReading::now()),
            }
        }
        if ready && up_to_date {
            probes.health().set_ready();
        }
        let changed = tokio::select! {
            changed = status.changed() => changed,
            changed = served.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}
