//! What does this node serve, all told, and what differs between two generations?

use super::{serve::ServedService, shared_map::SharedMap};
use crate::model::{Node, ServiceKey};
use ipnet::IpNet;
use std::sync::Arc;

/// The complete desired state of one generation. Cheap to clone: generations share what did not change.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Counts published states; 0 is the empty state before both lists were complete (semantics S6).
    pub generation: u64,
    /// This node.
    pub node: Arc<Node>,
    /// CIDRs that Service addresses are allocated from, when known (semantics N5).
    pub service_cidrs: Arc<[IpNet]>,
    services: SharedMap<Arc<ServedService>>,
}

impl Snapshot {
    /// Nothing is served yet on this node.
    pub fn of(node: Node) -> Self {
        Self { node: Arc::new(node), ..Self::default() }
    }

    /// What is served for one Service.
    pub fn get(&self, key: &ServiceKey) -> Option<&Arc<ServedService>> {
        self.services.get(key)
    }

    /// All Services, in no particular order.
    pub fn services(&self) -> impl Iterator<Item = &Arc<ServedService>> {
        self.services.iter().map(|(_, served)| served)
    }

    /// Puts one Service in place of what was there. Touches that Service's part only.
    pub fn insert(&mut self, served: Arc<ServedService>) {
        self.services.insert(served.key.clone(), served);
    }

    /// Takes one Service out.
    pub fn remove(&mut self, key: &ServiceKey) -> Option<Arc<ServedService>> {
        self.services.remove(key)
    }
}

impl PartialEq for Snapshot {
    /// Same content; the generation is not compared.
    fn eq(&self, other: &Self) -> bool {
        let same_place = self.node == other.node && self.service_cidrs == other.service_cidrs;
        same_place && self.services == other.services
    }
}

/// What differs between two Snapshots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Services that are new or different, by key.
    pub changed: Vec<Arc<ServedService>>,
    /// Services that are gone, by key.
    pub removed: Vec<ServiceKey>,
    /// The node, when it differs.
    pub node: Option<Arc<Node>>,
    /// The Service CIDRs, when they differ.
    pub service_cidrs: Option<Arc<[IpNet]>>,
}

impl Changes {
    /// Finds what differs. Costs what differs, not what is there: shared parts are skipped by address.
    pub fn between(old: &Snapshot, new: &Snapshot) -> Self {
        let mut changes = Self {
            node: (old.node != new.node).then(|| Arc::clone(&new.node)),
            service_cidrs: (old.service_cidrs != new.service_cidrs).then(|| Arc::clone(&new.service_cidrs)),
            ..Self::default()
        };
        for (before, after) in old.services.differing(&new.services) {
            changes.removed.extend(before.keys().filter(|key| !after.contains_key(*key)).cloned());
            let differs = |served: &&Arc<ServedService>| {
                before.get(&served.key).is_none_or(|known| !Arc::ptr_eq(known, served) && known != *served)
            };
            changes.changed.extend(after.values().filter(differs).cloned());
        }
        changes.removed.sort_unstable();
        changes.changed.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        changes
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty()
            && self.removed.is_empty()
            && self.node.is_none()
            && self.service_cidrs.is_none()
    }

    /// Applies the changes to the older Snapshot, which gives the newer one.
    pub fn apply(&self, snapshot: &mut Snapshot) {
        for key in &self.removed {
            snapshot.remove(key);
        }
        for served in &self.changed {
            snapshot.insert(Arc::clone(served));
        }
        if let Some(node) = &self.node {
            snapshot.node = Arc::clone(node);
        }
        if let Some(service_cidrs) = &self.service_cidrs {
            snapshot.service_cidrs = Arc::clone(service_cidrs);
        }
    }
}
