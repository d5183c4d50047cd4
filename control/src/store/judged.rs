//! Which Services have to be judged again after a change, and what do guards refuse of one?

use super::{
    Store,
    addresses::Addresses,
    commit::Stale,
    guard::Guard,
    node_ports::endpoint_ports,
    refusals::Refusals,
    state::{Parts, State},
};
use crate::{Kind, ObjectKey};
use std::{
    collections::{BTreeSet, HashSet},
    net::IpAddr,
    sync::Arc,
};
use weir_core::{EndpointSlice, Node, Service, ServiceKey};

impl Store {
    /// Replaces the addresses of this host's interfaces, which guards judge by. What follows is in the next commit.
    pub fn set_host_addresses(&mut self, addresses: BTreeSet<IpAddr>) {
        if let Some(guard) = &mut self.guard {
            self.stale.own_addresses.extend(guard.set_host(addresses));
        }
    }

    /// Adds the Services that have to be judged again because of addresses that others have.
    pub(super) fn add_unsettled_claimants(&mut self, stale: &mut Stale) {
        let Some(guard) = &mut self.guard else { return };
        let mut unsettled = stale.service_cidrs;
        for key in stale.services.iter().filter(|key| Addresses::is_api_server(key)) {
            let slices = self.state.parts(key).into_iter().flat_map(Parts::slices);
            unsettled |= guard.addresses.set_api_servers(slices);
        }
        if unsettled {
            stale.services.extend(guard.addresses.claimants().cloned());
        }
        if !stale.own_addresses.is_empty() {
            stale.services.extend(guard.concerned(&self.state, &stale.own_addresses));
        }
    }

    /// Refused addresses of one Service, if they have changed.
    pub(super) fn refusals(&mut self, key: &ServiceKey) -> Option<Refusals> {
        let Self { guard, state, .. } = self;
        let guard = guard.as_mut()?;
        let object = |kind, name| ObjectKey::new(kind, Arc::clone(&key.namespace), name);
        let ours = state.parts(key).filter(|parts| parts.service.is_some());
        let service = ours.map(|_| object(Kind::Service, Arc::clone(&key.name)));
        let slices = ours.into_iter().flat_map(Parts::slices);
        let slices = slices.map(|slice| object(Kind::EndpointSlice, Arc::clone(&slice.name)));
        guard.changed_refusals(key, service.into_iter().chain(slices))
    }

    /// Indexes the addresses and node ports of a Service. Services that want one of the addresses as an external IP, or
    /// have endpoints at one of the ports, have to be judged again.
    pub(super) fn index_service(&mut self, key: &ServiceKey, after: Option<&Service>) {
        if let Some(Guard { addresses, node_ports, .. }) = &mut self.guard {
            let before = self.state.service(key);
            self.stale.services.extend(addresses.replace(before, after));
            self.stale.services.extend(node_ports.replace(before, after));
        }
    }

    /// Puts a slice and indexes the ports of its Service's endpoints.
    pub(super) fn put_indexed(&mut self, slice: EndpointSlice) {
        let owner = slice.service.clone();
        self.index_ports(&owner, |state| state.put_slice(slice));
    }

    /// Takes a slice and indexes the ports of its Service's endpoints.
    pub(super) fn take_indexed(&mut self, owner: &ServiceKey, name: &str) {
        self.index_ports(owner, |state| state.take_slice(owner, name));
    }

    fn index_ports(&mut self, owner: &ServiceKey, change: impl FnOnce(&mut State)) {
        let Some(Guard { node_ports, .. }) = &mut self.guard else { return change(&mut self.state) };
        let before = endpoint_ports(self.state.parts(owner));
        change(&mut self.state);
        node_ports.replace_endpoint_ports(owner, &before, &endpoint_ports(self.state.parts(owner)));
    }

    /// Notes the addresses of any Node; Services that have endpoints at node ports have to be judged again.
    pub(super) fn index_node(&mut self, node: &Node) {
        if let Some(Guard { node_ports, .. }) = &mut self.guard {
            self.stale.services.extend(node_ports.put_node(node));
        }
    }

    /// Forgets another Node that was deleted.
    pub(super) fn forget_node(&mut self, name: &str) {
        if let Some(Guard { node_ports, .. }) = &mut self.guard
            && *name != *self.state.node.name
        {
            self.stale.services.extend(node_ports.forget_node(name));
        }
    }

    /// Keys of the Nodes whose addresses are known.
    pub(super) fn node_keys(&self) -> Vec<ObjectKey> {
        let nodes = self.guard.iter().flat_map(|guard| guard.node_ports.node_names());
        nodes.map(|name| ObjectKey::new(Kind::Node, "", Arc::clone(name))).collect()
    }

    /// Replaces the addresses of all Nodes, as they were listed; returns whether Services have to be judged again.
    pub(crate) fn know_nodes(&mut self, listed: Vec<IpAddr>) -> bool {
        let Some(Guard { node_ports, .. }) = &mut self.guard else { return false };
        let concerned = node_ports.put_listed(listed);
        let any = !concerned.is_empty();
        self.stale.services.extend(concerned);
        any
    }

    /// Whether the addresses of all Nodes are wanted: by the last commit an endpoint may be one of them.
    pub(crate) fn wants_nodes(&self) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.node_ports.has_suspects())
    }

    /// Whether the addresses of all Nodes would be wanted after a commit.
    pub(crate) fn would_want_nodes(&self) -> bool {
        let Some(Guard { node_ports, .. }) = &self.guard else { return false };
        node_ports.concerned().iter().any(|key| node_ports.may_be_nodes(self.state.slices_of(key)))
    }

    /// Number of Nodes that endpoints name, about as many as there are.
    pub(crate) fn known_node_names(&self) -> usize {
        let endpoints = self.state.slices().flat_map(|slice| &slice.endpoints);
        endpoints.filter_map(|endpoint| endpoint.node.as_deref()).collect::<HashSet<_>>().len()
    }

    /// Names of the nodes that have an endpoint which is ready: those nodes are, too.
    pub(crate) fn ready_node_names(&self) -> BTreeSet<Arc<str>> {
        let endpoints = self.state.slices().flat_map(|slice| &slice.endpoints);
        let ready = endpoints.filter(|endpoint| endpoint.conditions.ready);
        let names: HashSet<&Arc<str>> = ready.filter_map(|endpoint| endpoint.node.as_ref()).collect();
        names.into_iter().cloned().collect()
    }

    /// All objects as they are now, without the endpoints that guards refuse because of other objects.
    pub(crate) fn guarded_state(&self) -> State {
        let mut state = self.state();
        let Some(Guard { node_ports, .. }) = &self.guard else { return state };
        for key in self.state.services().map(|service| &service.key) {
            let guarded = self.state.slices_of(key).filter_map(|slice| node_ports.guard(slice));
            guarded.for_each(|(slice, _)| state.put_slice(slice));
        }
        state
    }
}
