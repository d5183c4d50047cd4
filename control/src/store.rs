//! What is desired, given all objects seen so far? Pure, keyed and incremental: a change computes its own
//! Service only.

mod addresses;
mod commit;
mod guard;
mod interner;
mod judged;
mod lists;
mod node_ports;
mod objects;
mod overrides;
mod refusals;
mod state;

pub use commit::Commit;
pub use objects::Objects;
pub use refusals::Refusals;
pub use state::State;

use crate::{Event, Kind, Object, ObjectKey};
use commit::Stale;
use guard::Guard;
use interner::Interner;
use lists::Lists;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use weir_core::{
    EndpointSlice, Node, Overrides, Service, ServiceKey, Snapshot, guards::GuardRules, resolve_steered,
};

/// All translated objects, and the [`Snapshot`] that follows from them.
#[derive(Debug)]
pub struct Store {
    state: State,
    /// Service of each slice, to find it when the slice is deleted or changes its owner.
    owners: HashMap<ObjectKey, ServiceKey>,
    lists: Lists,
    stale: Stale,
    /// Guard that refuses addresses; `None`: the objects are the operator's own.
    guard: Option<Guard>,
    interner: Interner,
    /// What an operator has said of endpoints and nodes.
    overrides: Overrides,
    snapshot: Snapshot,
}

impl Store {
    /// Creates an empty store for the proxy on `node_name`.
    pub fn new(node_name: &str) -> Self {
        let node = Node::named(node_name);
        let snapshot = Snapshot::of(node.clone());
        Self {
            state: State::of(node),
            owners: HashMap::new(),
            lists: Lists::default(),
            stale: Stale::default(),
            guard: None,
            interner: Interner::default(),
            overrides: Overrides::default(),
            snapshot,
        }
    }

    /// Refuses special addresses, and what `rules` refuses (see [`weir_core::guards`]);
    /// `None` refuses nothing. For an empty store.
    #[must_use]
    pub fn with_guards(self, rules: Option<GuardRules>) -> Self {
        Self { guard: rules.map(Guard::new), ..self }
    }

    /// Snapshot of the last commit.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Applies an event to the objects. The Snapshot follows at the next [`commit`](Self::commit).
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Begin(kind) => self.lists.begin(kind),
            Event::Put(key, mut object) => {
                self.lists.mark_seen(&key);
                if let Some(guard) = &mut self.guard {
                    guard.check(&key, &mut object);
                }
                self.interner.intern(&mut object);
                self.put(key, object);
            }
            Event::Keep(key) => self.lists.mark_seen(&key),
            Event::Delete(key) => self.delete(&key),
            Event::Complete(kind) => {
                if let Some(seen) = self.lists.complete(kind) {
                    self.delete_unseen(kind, &seen);
                }
            }
        }
    }

    /// Whether Services and EndpointSlices were both listed completely; before that nothing may be served
    /// (semantics S6).
    pub fn is_ready(&self) -> bool {
        self.lists.is_complete(Kind::Service) && self.lists.is_complete(Kind::EndpointSlice)
    }

    /// All objects as they are now. The clone shares its parts with the store: the next change of a Service
    /// copies that Service's part.
    pub fn state(&self) -> State {
        self.state.clone()
    }

    /// All objects as they are now, with what guards refused of them at the last commit. Cheap, as the state is.
    pub fn objects(&self) -> Objects {
        let refused = self.guard.as_ref().map(Guard::refused).unwrap_or_default();
        Objects { state: self.state(), refused }
    }

    /// Computes the Snapshot that follows from the events since the last commit.
    pub fn commit(&mut self) -> Commit {
        let mut stale = std::mem::take(&mut self.stale);
        self.add_unsettled_claimants(&mut stale);
        let mut next = self.snapshot.clone();
        let mut changed = false;
        if stale.node {
            next.node = Arc::clone(&self.state.node);
            changed = true;
        }
        if stale.service_cidrs {
            next.service_cidrs = self.state.service_cidrs.values().flatten().copied().collect();
            changed |= next.service_cidrs != self.snapshot.service_cidrs;
        }
        let mut keys = stale.services;
        if stale.everything {
            keys.extend(self.state.services().map(|service| service.key.clone()));
        }
        let (mut differing, mut refusals) = (Vec::new(), Vec::new());
        for key in &keys {
            if self.compute(key, &mut next) {
                differing.push(key.clone());
            }
            refusals.extend(self.refusals(key));
        }
        changed |= !differing.is_empty();
        next.generation += u64::from(changed);
        self.snapshot = next;
        Commit { snapshot: self.snapshot.clone(), changed, differing, visited: keys.len(), refusals }
    }

    /// Computes one Service's part of the Snapshot; returns whether it differs.
    fn compute(&mut self, key: &ServiceKey, snapshot: &mut Snapshot) -> bool {
        let parts = self.state.parts(key);
        let Some((parts, service)) = parts.and_then(|parts| Some((parts, parts.service.as_deref()?))) else {
            self.guard.iter_mut().for_each(|guard| guard.forget_service(key));
            return snapshot.remove(key).is_some();
        };
        let (node, overrides) = (&self.state.node, &self.overrides);
        let resolved = match &mut self.guard {
            Some(guard) => {
                let (service, slices) = guard.guarded(service, parts.slices(), node, &snapshot.service_cidrs);
                resolve_steered(&service, slices.iter().map(|slice| &**slice), node, overrides)
            }
            None => resolve_steered(service, parts.slices(), node, overrides),
        };
        if snapshot.get(key).is_some_and(|known| **known == resolved) {
            return false;
        }
        snapshot.insert(Arc::new(resolved));
        true
    }

    fn put(&mut self, key: ObjectKey, object: Object) {
        match object {
            Object::Service(service) => {
                self.index_service(&service.key, Some(&service));
                self.stale.services.insert(service.key.clone());
                self.state.put_service(*service);
            }
            Object::EndpointSlice(slice) => self.put_slice(key, slice),
            Object::Node(node) => self.put_node(node),
            Object::ServiceCidr(cidrs) => {
                if self.state.service_cidrs.get(&key.name) != Some(&cidrs) {
                    self.stale.service_cidrs = true;
                    Arc::make_mut(&mut self.state.service_cidrs).insert(key.name, cidrs);
                }
            }
        }
    }

    fn put_node(&mut self, node: Node) {
        self.index_node(&node);
        let known = &self.state.node;
        if node.name != known.name || node == **known {
            return;
        }
        // Only the zone decides about endpoints (semantics S7).
        self.stale.everything |= node.zone != known.zone;
        if node.internal_ips != known.internal_ips {
            self.stale.own_addresses.extend(node.internal_ips.iter().chain(&known.internal_ips));
        }
        self.stale.node = true;
        self.state.node = Arc::new(node);
    }

    fn put_slice(&mut self, key: ObjectKey, slice: EndpointSlice) {
        let owner = slice.service.clone();
        match self.owners.insert(key.clone(), owner.clone()) {
            Some(old) if old != owner => self.take_slice(&old, &key.name),
            _ => {}
        }
        self.stale.services.insert(owner);
        self.put_indexed(slice);
    }

    fn take_slice(&mut self, owner: &ServiceKey, name: &str) {
        self.take_indexed(owner, name);
        self.stale.services.insert(owner.clone());
    }

    fn delete(&mut self, key: &ObjectKey) {
        if let Some(guard) = &mut self.guard {
            guard.forget(key);
        }
        match key.kind {
            Kind::Service => {
                let key = ServiceKey { namespace: Arc::clone(&key.namespace), name: Arc::clone(&key.name) };
                self.index_service(&key, None);
                if self.state.take_service(&key) {
                    self.stale.services.insert(key);
                }
            }
            Kind::EndpointSlice => {
                if let Some(owner) = self.owners.remove(key) {
                    self.take_slice(&owner, &key.name);
                }
            }
            // The own node, deleted under a running proxy, keeps its last known form (semantics S7).
            Kind::Node => self.forget_node(&key.name),
            Kind::ServiceCidr => {
                if self.state.service_cidrs.contains_key(&key.name) {
                    self.stale.service_cidrs = true;
                    Arc::make_mut(&mut self.state.service_cidrs).remove(&key.name);
                }
            }
        }
    }

    fn delete_unseen(&mut self, kind: Kind, seen: &HashSet<ObjectKey>) {
        let known: Vec<ObjectKey> = match kind {
            Kind::Service => {
                let key = |Service { key, .. }: &Service| {
                    ObjectKey::new(kind, Arc::clone(&key.namespace), Arc::clone(&key.name))
                };
                self.state.services().map(key).collect()
            }
            Kind::EndpointSlice => self.owners.keys().cloned().collect(),
            Kind::Node => self.node_keys(),
            Kind::ServiceCidr => {
                let names = self.state.service_cidrs.keys();
                names.map(|name| ObjectKey::new(kind, "", Arc::clone(name))).collect()
            }
        };
        for key in known.iter().filter(|key| !seen.contains(key)) {
            self.delete(key);
        }
    }
}
