//! What does the driver make of what it hears of the watches?

use super::{Driver, clock_reading::ClockReading, status::WatchState};
use crate::Kind;

impl Driver {
    pub(super) fn observe_watch(&mut self, kind: Kind, state: WatchState) {
        self.metrics.watch(kind, &state);
        self.log.watch(kind, &state);
        let now = ClockReading::now();
        self.outage.observe(kind, &state, now.monotonic);
        self.metrics.outage_since(self.outage.unix_time(now));
        self.status.send_if_modified(|status| {
            let since = self.outage.since();
            let changed = status.watches.get(&kind) != Some(&state) || status.outage_since != since;
            status.watches.insert(kind, state);
            status.outage_since = since;
            changed
        });
    }

    pub(super) fn log_outage(&mut self) {
        let now = ClockReading::now();
        self.outage.log(now, self.snapshots.borrow().generation > 0);
        // The start of an outage is computed from the current time of day: the gauge follows a clock that was
        // set.
        self.metrics.outage_since(self.outage.unix_time(now));
    }
}
