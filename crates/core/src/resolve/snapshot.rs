//! What does this node serve as a whole, and what differs between two generations?

use super::{service::ResolvedService, shared_map::SharedMap};
use crate::model::{Node, ServiceKey};
use ipnet::IpNet;
use std::sync::Arc;

/// The complete desired state of one generation. A clone is cheap, as generations share what did not change.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Number of the published state; 0 is the empty state before both lists were complete (semantics S6).
    pub generation: u64,
    /// The node that the state is for.
    pub node: Arc<Node>,
    /// CIDRs that Service addresses are allocated from; empty while unknown (semantics N5).
    pub service_cidrs: Arc<[IpNet]>,
    services: SharedMap<Arc<ResolvedService>>,
}

impl Snapshot {
    /// The empty state of a node.
    pub fn of(node: Node) -> Self {
        Self { node: Arc::new(node), ..Self::default() }
    }

    /// One Service, by its namespace and name.
    pub fn get(&self, key: &ServiceKey) -> Option<&Arc<ResolvedService>> {
        self.services.get(key)
    }

    /// All Services, in no particular order.
    pub fn services(&self) -> impl Iterator<Item = &Arc<ResolvedService>> {
        self.services.iter().map(|(_, service)| service)
    }

    /// Inserts or replaces one Service. Copies only the part of the map that the Service is in.
    pub fn insert(&mut self, service: Arc<ResolvedService>) {
        self.services.insert(service.key.clone(), service);
    }

    /// Removes one Service; returns it if there was one.
    pub fn remove(&mut self, key: &ServiceKey) -> Option<Arc<ResolvedService>> {
        self.services.remove(key)
    }
}

impl PartialEq for Snapshot {
    /// Compares the content without the generation.
    fn eq(&self, other: &Self) -> bool {
        let same_node = self.node == other.node && self.service_cidrs == other.service_cidrs;
        same_node && self.services == other.services
    }
}

/// What differs between two Snapshots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Services that are new or different, sorted by key.
    pub changed: Vec<Arc<ResolvedService>>,
    /// Keys of Services that are gone, sorted.
    pub removed: Vec<ServiceKey>,
    /// The new node, when it differs.
    pub node: Option<Arc<Node>>,
    /// The new Service CIDRs, when they differ.
    pub service_cidrs: Option<Arc<[IpNet]>>,
}

impl Changes {
    /// What differs from `old` to `new`, found in time proportional to what differs: parts that both share are skipped.
    pub fn between(old: &Snapshot, new: &Snapshot) -> Self {
        let mut changes = Self {
            node: (old.node != new.node).then(|| Arc::clone(&new.node)),
            service_cidrs: (old.service_cidrs != new.service_cidrs).then(|| Arc::clone(&new.service_cidrs)),
            ..Self::default()
        };
        for (before, after) in old.services.differing(&new.services) {
            changes.removed.extend(before.keys().filter(|key| !after.contains_key(*key)).cloned());
            let differs = |service: &&Arc<ResolvedService>| {
                before.get(&service.key).is_none_or(|known| !Arc::ptr_eq(known, service) && known != *service)
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

    /// Turns the older Snapshot into the newer one, but for the generation.
    pub fn apply(&self, snapshot: &mut Snapshot) {
        for key in &self.removed {
            snapshot.remove(key);
        }
        for service in &self.changed {
            snapshot.insert(Arc::clone(service));
        }
        if let Some(node) = &self.node {
            snapshot.node = Arc::clone(node);
        }
        if let Some(service_cidrs) = &self.service_cidrs {
            snapshot.service_cidrs = Arc::clone(service_cidrs);
        }
    }
}
