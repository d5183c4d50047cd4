//! What is published beside a Snapshot: objects to be saved, and changes of endpoints to be measured?

mod nodes_wanted;
mod overriding;

pub(crate) use nodes_wanted::NodesWanted;

use super::{
    Driver,
    clock_reading::ClockReading,
    propagation::{PublishedChanges, Unclear},
};
use crate::{Commit, Event, Object};
use std::time::SystemTime;
use tokio::sync::mpsc::error::TrySendError;

impl Driver {
    /// Publishes the objects to be saved, if they have changed. A restored state is not replaced by half a
    /// list.
    pub(super) fn publish_state(&self) {
        let Some(states) = self.states.as_ref().filter(|_| self.restored.is_none()) else { return };
        states.send_if_modified(|known| {
            let now = self.store.state();
            let changed = !now.is_same(known);
            *known = now;
            changed
        });
    }

    /// Records when a change of endpoints came. Slices that a first list names are no changes.
    pub(super) fn record_change(
        &mut self,
        event: &Event,
        triggered: Option<SystemTime>,
        received: ClockReading,
    ) {
        let Event::Put(_, Object::EndpointSlice(slice)) = event else { return };
        if self.store.is_ready()
            && self.restored.is_none()
            && let Err(unclear) = self.changes.record(&slice.service, slice.family, triggered, received)
        {
            self.metrics.unclear(unclear, 1);
        }
    }

    /// Publishes the changes of endpoints that a commit brings. A full channel means that nobody measures: they
    /// are counted and dropped.
    pub(super) fn publish_changes(&mut self, commit: &Commit) {
        let changes = self.changes.take(&commit.differing);
        if changes.is_empty() {
            return;
        }
        let published_changes = PublishedChanges { generation: commit.snapshot.generation, changes };
        if let Err(TrySendError::Full(published_changes)) = self.published_changes.try_send(published_changes)
        {
            self.metrics.unclear(Unclear::TooMany, published_changes.changes.len());
        }
    }
}
