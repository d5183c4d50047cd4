//! What is desired, given all objects seen so far? Pure, keyed and incremental: a change visits its own Service only.

mod addresses;
mod guard;
mod shared;

pub use guard::Refusals;

use crate::object::{Event, Kind, Object, ObjectKey};
use addresses::Addresses;
use guard::Guard;
use ipnet::IpNet;
use shared::Shared;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};
use weir_core::{EndpointSlice, Node, Service, ServiceKey, Snapshot, guards::ExternalIps, serve::serve};

/// All translated objects, and the [`Snapshot`] that follows from them.
#[derive(Debug)]
pub struct Store {
    services: HashMap<ServiceKey, Service>,
    /// Slices by the Service they belong to, then by their own name: a fixed order for merging.
    slices: HashMap<ServiceKey, BTreeMap<Arc<str>, EndpointSlice>>,
    /// The Service of each slice, to find it when the slice goes or changes its owner.
    owners: HashMap<ObjectKey, ServiceKey>,
    service_cidrs: BTreeMap<Arc<str>, Vec<IpNet>>,
    node: Node,
    lists: HashMap<Kind, List>,
    stale: Stale,
    /// Refuses addresses; `None`: the objects are the operator's own.
    guard: Option<Guard>,
    shared: Shared,
    snapshot: Snapshot,
}

/// What must be computed again.
#[derive(Debug, Default)]
struct Stale {
    services: BTreeSet<ServiceKey>,
    everything: bool,
    node: bool,
    node_addresses: bool,
    service_cidrs: bool,
}

/// How far the list of one kind is.
#[derive(Debug)]
enum List {
    /// Objects that the running list has named; `complete` says whether an earlier list was complete.
    Running {
        seen: HashSet<ObjectKey>,
        complete: bool,
    },
    Complete,
}

/// The outcome of [`Store::commit`].
#[derive(Debug)]
pub struct Commit {
    /// The state that follows from all events so far.
    pub snapshot: Snapshot,
    /// Whether it differs from the last one.
    pub changed: bool,
    /// The Services whose served form differs.
    pub differing: Vec<ServiceKey>,
    /// How many Services were computed.
    pub visited: usize,
    /// What guards refuse, for each Service where that has changed.
    pub refusals: Vec<Refusals>,
}

impl Store {
    /// An empty store for the proxy on `node_name`.
    pub fn new(node_name: &str) -> Self {
        let node = Node::named(node_name);
        let snapshot = Snapshot::of(node.clone());
        Self {
            services: HashMap::new(),
            slices: HashMap::new(),
            owners: HashMap::new(),
            service_cidrs: BTreeMap::new(),
            node,
            lists: HashMap::new(),
            stale: Stale::default(),
            guard: None,
            shared: Shared::default(),
            snapshot,
        }
    }

    /// Refuses special addresses, and external IPs but these (see [`weir_core::guards`]); `None`: refuses nothing. For an
    /// empty store.
    #[must_use]
    pub fn with_guards(self, rules: Option<ExternalIps>) -> Self {
        Self { guard: rules.map(Guard::new), ..self }
    }

    /// Takes in what a source says. Nothing is computed yet.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Begin(kind) => {
                let complete = self.is_complete(kind);
                self.lists.insert(kind, List::Running { seen: HashSet::new(), complete });
            }
            Event::Put(key, mut object) => {
                self.mark_seen(&key);
                if let Some(guard) = &mut self.guard {
                    guard.check(&key, &mut object);
                }
                self.shared.share(&mut object);
                self.put(key, object);
            }
            Event::Keep(key) => self.mark_seen(&key),
            Event::Delete(key) => self.delete(&key),
            Event::Complete(kind) => {
                if let Some(List::Running { seen, .. }) = self.lists.insert(kind, List::Complete) {
                    self.delete_unseen(kind, &seen);
                }
            }
        }
    }

    /// Whether Services and EndpointSlices were both listed completely; before that nothing is served (semantics S6).
    pub fn is_ready(&self) -> bool {
        self.is_complete(Kind::Service) && self.is_complete(Kind::EndpointSlice)
    }

    /// Computes what follows from the events since the last commit.
    pub fn commit(&mut self) -> Commit {
        let mut stale = std::mem::take(&mut self.stale);
        self.find_unsettled_claims(&mut stale);
        let mut next = self.snapshot.clone();
        let mut changed = false;
        if stale.node {
            next.node = Arc::new(self.node.clone());
            changed = true;
        }
        if stale.service_cidrs {
            next.service_cidrs = self.service_cidrs.values().flatten().copied().collect();
            changed |= next.service_cidrs != self.snapshot.service_cidrs;
        }
        let mut keys = stale.services;
        if stale.everything {
            keys.extend(self.services.keys().cloned());
        }
        let (mut differing, mut refusals) = (Vec::new(), Vec::new());
        for key in &keys {
            if self.serve(key, &mut next) {
                differing.push(key.clone());
            }
            refusals.extend(self.refusals(key));
        }
        changed |= !differing.is_empty();
        next.generation += u64::from(changed);
        self.snapshot = next;
        Commit { snapshot: self.snapshot.clone(), changed, differing, visited: keys.len(), refusals }
    }

    /// Adds the Services whose external IPs have to be judged again.
    fn find_unsettled_claims(&mut self, stale: &mut Stale) {
        let Some(Guard { addresses, .. }) = &mut self.guard else { return };
        let mut unsettled = stale.node_addresses || stale.service_cidrs;
        for key in stale.services.iter().filter(|key| Addresses::is_api_server(key)) {
            let slices = self.slices.get(key).into_iter().flat_map(BTreeMap::values);
            unsettled |= addresses.set_api_servers(slices);
        }
        if unsettled {
            stale.services.extend(addresses.claimants().cloned());
        }
    }

    /// What guards refuse of one Service, if that has changed.
    fn refusals(&mut self, key: &ServiceKey) -> Option<Refusals> {
        let Self { guard, services, slices, .. } = self;
        let guard = guard.as_mut()?;
        let object = |kind, name| ObjectKey::new(kind, Arc::clone(&key.namespace), name);
        let ours = services.contains_key(key);
        let service = ours.then(|| object(Kind::Service, Arc::clone(&key.name)));
        let slices = slices.get(key).filter(|_| ours).into_iter().flat_map(BTreeMap::keys);
        let slices = slices.map(|name| object(Kind::EndpointSlice, Arc::clone(name)));
        guard.news(key, service.into_iter().chain(slices))
    }

    /// Puts the served form of one Service into the Snapshot; returns whether it differs.
    fn serve(&mut self, key: &ServiceKey, snapshot: &mut Snapshot) -> bool {
        let Some(service) = self.services.get(key) else {
            self.guard.iter_mut().for_each(|guard| guard.forget_service(key));
            return snapshot.remove(key).is_some();
        };
        let service = match &mut self.guard {
            Some(guard) => guard.guarded(service, &self.node, &snapshot.service_cidrs),
            None => Cow::Borrowed(service),
        };
        let slices = self.slices.get(key).into_iter().flat_map(BTreeMap::values);
        let served = serve(&service, slices, &self.node);
        if snapshot.get(key).is_some_and(|known| **known == served) {
            return false;
        }
        snapshot.insert(Arc::new(served));
        true
    }

    fn is_complete(&self, kind: Kind) -> bool {
        matches!(self.lists.get(&kind), Some(List::Complete | List::Running { complete: true, .. }))
    }

    fn mark_seen(&mut self, key: &ObjectKey) {
        if let Some(List::Running { seen, .. }) = self.lists.get_mut(&key.kind) {
            seen.insert(key.clone());
        }
    }

    fn put(&mut self, key: ObjectKey, object: Object) {
        match object {
            Object::Service(service) => {
                self.note_addresses(&service.key, Some(&service));
                self.stale.services.insert(service.key.clone());
                self.services.insert(service.key.clone(), *service);
            }
            Object::EndpointSlice(slice) => self.put_slice(key, slice),
            Object::Node(node) if node.name == self.node.name => {
                // Only the zone decides about endpoints (semantics S7).
                self.stale.everything |= node.zone != self.node.zone;
                self.stale.node |= node != self.node;
                self.stale.node_addresses |= node.internal_ips != self.node.internal_ips;
                self.node = node;
            }
            Object::Node(_) => {}
            Object::ServiceCidr(cidrs) => {
                self.stale.service_cidrs |= self.service_cidrs.get(&key.name) != Some(&cidrs);
                self.service_cidrs.insert(key.name, cidrs);
            }
        }
    }

    /// What a Service holds may be what others want.
    fn note_addresses(&mut self, key: &ServiceKey, after: Option<&Service>) {
        if let Some(Guard { addresses, .. }) = &mut self.guard {
            self.stale.services.extend(addresses.replace(self.services.get(key), after));
        }
    }

    fn put_slice(&mut self, key: ObjectKey, slice: EndpointSlice) {
        let owner = slice.service.clone();
        match self.owners.insert(key.clone(), owner.clone()) {
            Some(old) if old != owner => self.take_slice(&old, &key.name),
            _ => {}
        }
        self.stale.services.insert(owner.clone());
        self.slices.entry(owner).or_default().insert(key.name, slice);
    }

    fn take_slice(&mut self, owner: &ServiceKey, name: &str) {
        if let Some(slices) = self.slices.get_mut(owner) {
            slices.remove(name);
            if slices.is_empty() {
                self.slices.remove(owner);
            }
        }
        self.stale.services.insert(owner.clone());
    }

    fn delete(&mut self, key: &ObjectKey) {
        if let Some(guard) = &mut self.guard {
            guard.forget(key);
        }
        match key.kind {
            Kind::Service => {
                let key = ServiceKey { namespace: Arc::clone(&key.namespace), name: Arc::clone(&key.name) };
                self.note_addresses(&key, None);
                if self.services.remove(&key).is_some() {
                    self.stale.services.insert(key);
                }
            }
            Kind::EndpointSlice => {
                if let Some(owner) = self.owners.remove(key) {
                    self.take_slice(&owner, &key.name);
                }
            }
            // A node that is deleted under a running proxy keeps its last known form (semantics S7).
            Kind::Node => {}
            Kind::ServiceCidr => {
                self.stale.service_cidrs |= self.service_cidrs.remove(&key.name).is_some();
            }
        }
    }

    fn delete_unseen(&mut self, kind: Kind, seen: &HashSet<ObjectKey>) {
        let known: Vec<ObjectKey> = match kind {
            Kind::Service => {
                let key = |key: &ServiceKey| {
                    ObjectKey::new(kind, Arc::clone(&key.namespace), Arc::clone(&key.name))
                };
                self.services.keys().map(key).collect()
            }
            Kind::EndpointSlice => self.owners.keys().cloned().collect(),
            Kind::Node => Vec::new(),
            Kind::ServiceCidr => {
                self.service_cidrs.keys().map(|name| ObjectKey::new(kind, "", Arc::clone(name))).collect()
            }
        };
        for key in known.iter().filter(|key| !seen.contains(key)) {
            self.delete(key);
        }
    }
}
