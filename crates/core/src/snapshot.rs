//! What does this node serve, all told, and what differs between two generations?

use crate::{Node, ServedService, ServiceKey, flow::stable_hasher};
use ipnet::IpNet;
use std::{collections::BTreeMap, hash::Hasher, sync::Arc};

/// The complete desired state of one generation. Cheap to clone: generations share what did not change.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Counts published states; 0 is the empty state before both lists were complete (semantics S6).
    pub generation: u64,
    /// This node.
    pub node: Arc<Node>,
    /// CIDRs that Service addresses are allocated from, when known (semantics N5).
    pub service_cidrs: Arc<[IpNet]>,
    services: Services,
}

impl Snapshot {
    /// Nothing is served yet on this node.
    pub fn of(node: Node) -> Self {
        Self { node: Arc::new(node), ..Self::default() }
    }

    /// What is served for one Service.
    pub fn get(&self, key: &ServiceKey) -> Option<&Arc<ServedService>> {
        self.services.leaf(key).get(key)
    }

    /// All Services, in no particular order.
    pub fn services(&self) -> impl Iterator<Item = &Arc<ServedService>> {
        self.services.leaves().flat_map(|leaf| leaf.values())
    }

    /// Puts one Service in place of what was there. Touches that Service's part only.
    pub fn insert(&mut self, served: Arc<ServedService>) {
        self.services.leaf_mut(&served.key).insert(served.key.clone(), served);
    }

    /// Takes one Service out.
    pub fn remove(&mut self, key: &ServiceKey) -> Option<Arc<ServedService>> {
        self.get(key)?;
        self.services.leaf_mut(key).remove(key)
    }
}

impl PartialEq for Snapshot {
    /// Same content; the generation is not compared.
    fn eq(&self, other: &Self) -> bool {
        let equal_services = || {
            let mut pairs = self.services.leaves().zip(other.services.leaves());
            pairs.all(|(mine, theirs)| Arc::ptr_eq(mine, theirs) || mine == theirs)
        };
        self.node == other.node && self.service_cidrs == other.service_cidrs && equal_services()
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

type Leaf = BTreeMap<ServiceKey, Arc<ServedService>>;

const FANOUT: usize = 32;

/// A map in two levels of shared nodes: changing one Service copies one path, 2 x 32 pointers and one small leaf.
/// A plain shared map would copy every entry on each change.
#[derive(Clone, Debug)]
struct Services {
    root: Arc<[Arc<[Arc<Leaf>; FANOUT]>; FANOUT]>,
}

impl Default for Services {
    fn default() -> Self {
        let leaf = Arc::new(Leaf::new());
        let branch = Arc::new(std::array::from_fn(|_| Arc::clone(&leaf)));
        Self { root: Arc::new(std::array::from_fn(|_| Arc::clone(&branch))) }
    }
}

impl Services {
    fn leaf(&self, key: &ServiceKey) -> &Leaf {
        let (branch, leaf) = path(key);
        &self.root[branch][leaf]
    }

    fn leaf_mut(&mut self, key: &ServiceKey) -> &mut Leaf {
        let (branch, leaf) = path(key);
        Arc::make_mut(&mut Arc::make_mut(&mut Arc::make_mut(&mut self.root)[branch])[leaf])
    }

    fn leaves(&self) -> impl Iterator<Item = &Arc<Leaf>> {
        self.root.iter().flat_map(|branch| branch.iter())
    }

    fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a Arc<Leaf>, &'a Arc<Leaf>)> {
        let branches = self.root.iter().zip(other.root.iter()).filter(|(a, b)| !Arc::ptr_eq(a, b));
        branches.flat_map(|(a, b)| a.iter().zip(b.iter())).filter(|(a, b)| !Arc::ptr_eq(a, b))
    }
}

fn path(key: &ServiceKey) -> (usize, usize) {
    let mut hasher = stable_hasher(PATH_KEY);
    hasher.write(key.namespace.as_bytes());
    hasher.write_u8(b'/');
    hasher.write(key.name.as_bytes());
    let hash = hasher.finish() as usize;
    (hash % FANOUT, hash / FANOUT % FANOUT)
}

const PATH_KEY: u64 = 3;
