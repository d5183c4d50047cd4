//! How does the right to capture pass from one weir to another?

use super::{Capture, Desired, Disturbance};
use crate::{
    nft::Table,
    ownership::{CaptureLock, RuntimeDir, TableOwner},
};
use std::{os::fd::OwnedFd, sync::Arc};

impl Capture {
    /// The folder in which weirs find each other; `None` without one.
    pub fn runtime_dir(&self) -> Option<Arc<RuntimeDir>> {
        self.options.runtime_dir.clone()
    }

    /// Whether the rules that were asked for last are in force, as far as is known.
    pub fn is_in_force(&self) -> bool {
        self.installed.is_some()
    }

    /// Whether this weir holds the capture lock. A newcomer that takes over does not, at first.
    pub fn has_lock(&self) -> bool {
        self.lock.is_some()
    }

    /// A duplicate of the locked file for a newcomer, who shares the lock from then on; `None` without a runtime directory.
    pub fn share_lock(&self) -> Option<OwnedFd> {
        self.lock.as_ref()?.file()?.try_clone().ok()
    }

    /// Holds the lock of a weir that hands over, from now on.
    pub fn inherit_lock(&mut self, file: OwnedFd) {
        self.lock = Some(CaptureLock::inherited(file));
    }

    /// Takes the lock if it has become free; keeps it in order if it is held.
    pub fn tend_lock(&mut self) {
        match &mut self.lock {
            Some(lock) => lock.tend(),
            None if self.superseded => {}
            None => self.lock = CaptureLock::acquire(self.options.runtime_dir.as_deref()).ok().flatten(),
        }
    }

    /// Leaves rules and lock to the weir that has taken over.
    pub fn give_way(&mut self) {
        self.superseded = true;
        self.lock = None;
    }

    /// Takes the rules back from a newcomer that has died while it took over. [`disturbed`](Self::disturbed) returns
    /// when it is time to write them.
    pub fn reclaim(&mut self) {
        self.superseded = false;
        self.owner = TableOwner::new();
        self.installed = None;
        if let Some(desired) = &self.desired {
            let table = Table { owner: self.owner.to_string(), ..desired.table.clone() };
            self.desired = Some(Arc::new(Desired { table, ..Desired::clone(desired) }));
            self.note_disturbance(Disturbance::Rules);
        }
    }
}
