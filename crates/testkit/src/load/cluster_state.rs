//! What has become of a cluster that changes all the time?

use std::collections::HashMap;

use super::fleet::Fleet;
use super::workload::Workload;

/// The Services of a [`Fleet`], some of which were changed.
#[derive(Clone, Debug)]
pub(super) struct ClusterState {
    fleet: Fleet,
    /// The Services that were changed, by their index.
    changed: HashMap<u32, Workload>,
    /// Number of the newest pod.
    last_pod: u32,
}

impl ClusterState {
    /// Nothing changed yet.
    pub(super) fn new(fleet: Fleet) -> Self {
        Self { fleet, changed: HashMap::new(), last_pod: fleet.first_new_pod() }
    }

    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    pub(super) fn workload(&self, service: u32) -> Workload {
        self.changed.get(&service).cloned().unwrap_or_else(|| self.fleet.workload(service))
    }

    pub(super) fn workload_mut(&mut self, service: u32) -> &mut Workload {
        self.changed.entry(service).or_insert_with(|| self.fleet.workload(service))
    }

    /// The number of a pod that was never there.
    pub(super) fn new_pod(&mut self) -> u32 {
        self.last_pod = self.last_pod.wrapping_add(1);
        self.last_pod
    }
}
