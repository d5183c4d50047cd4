//! When does an operator hear that overrides are in a Snapshot?

use crate::driver::Driver;
use tokio::sync::oneshot;
use weir_core::Overrides;

impl Driver {
    /// Follows overrides from now on; `done` is sent the generation of the Snapshot that contains them.
    pub(in crate::driver) fn set_overrides(&mut self, overrides: Overrides, done: oneshot::Sender<u64>) {
        self.store.set_overrides(overrides);
        self.pending = true;
        if self.store.is_ready() {
            self.overriding.push(done);
        } else {
            // There is no Snapshot to wait for, and it may take long. Whoever asked may have gone.
            _ = done.send(0);
        }
    }

    /// Answers all who wait for a Snapshot with their overrides.
    pub(in crate::driver) fn answer_overriding(&mut self, generation: u64) {
        for done in self.overriding.drain(..) {
            _ = done.send(generation);
        }
    }
}
