//! Which addresses are Nodes', which ports are node ports, and which Services have endpoints at such a port? Indexed by
//! port, so that a change costs only the Services that have endpoints there.

use super::state::Parts;
use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    net::IpAddr,
    num::NonZeroU16,
    sync::Arc,
};
use weir_core::{
    EndpointSlice, Node, Protocol, Service, ServiceKey, SliceEndpoint, SlicePort,
    guards::{Refused, guard_node_ports},
};

/// A port of endpoints, or a node port.
type Port = (Protocol, NonZeroU16);

/// Index of Nodes, node ports, and ports of endpoints.
#[derive(Debug, Default)]
pub(super) struct NodePorts {
    /// InternalIPs of each known Node.
    nodes: HashMap<Arc<str>, Vec<IpAddr>>,
    /// Addresses of all Nodes as listed last, in order; empty while nothing made them be listed.
    listed: Vec<IpAddr>,
    /// Services with an endpoint at a node port that may be a Node which is not known.
    suspects: HashSet<ServiceKey>,
    /// Number of Nodes at each address.
    addresses: HashMap<IpAddr, usize>,
    /// Number of Service ports with each node port.
    node_ports: HashMap<Port, usize>,
    /// Services that have endpoints at each port.
    by_endpoint_port: HashMap<Port, HashSet<ServiceKey>>,
}

impl NodePorts {
    /// Replaces the addresses of a Node; returns the Services that this may concern.
    pub(super) fn put_node(&mut self, node: &Node) -> BTreeSet<ServiceKey> {
        let before = match self.nodes.get(&node.name) {
            Some(known) if *known == node.internal_ips => return BTreeSet::new(),
            _ => self.nodes.insert(Arc::clone(&node.name), node.internal_ips.clone()),
        };
        node.internal_ips.iter().for_each(|ip| *self.addresses.entry(*ip).or_default() += 1);
        self.leave(before.unwrap_or_default());
        self.concerned()
    }

    /// Forgets a Node; returns the Services that this may concern.
    pub(super) fn forget_node(&mut self, name: &str) -> BTreeSet<ServiceKey> {
        let Some(gone) = self.nodes.remove(name) else { return BTreeSet::new() };
        self.leave(gone);
        self.concerned()
    }

    /// Replaces the addresses of all Nodes, as they were listed; returns the Services that this may concern.
    pub(super) fn put_listed(&mut self, mut listed: Vec<IpAddr>) -> BTreeSet<ServiceKey> {
        listed.sort_unstable();
        if listed == self.listed {
            return BTreeSet::new();
        }
        listed.iter().for_each(|ip| *self.addresses.entry(*ip).or_default() += 1);
        let gone = std::mem::replace(&mut self.listed, listed);
        self.leave(gone);
        self.concerned()
    }

    /// Whether some Service has an endpoint that may be a Node which is not known.
    pub(super) fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// Whether an endpoint among these is at a node port and may be a Node which is not known. Endpoints that a controller
    /// writes for pods name the Pod and its node.
    pub(super) fn may_be_nodes<'a>(&self, mut slices: impl Iterator<Item = &'a EndpointSlice>) -> bool {
        let is_node_port = |port: &SlicePort| self.node_ports.contains_key(&(port.protocol, port.port));
        let may_be_node = |endpoint: &SliceEndpoint| {
            let is_of_pod = endpoint.is_pod && endpoint.node.is_some();
            !is_of_pod && !self.addresses.contains_key(&endpoint.ip)
        };
        slices.any(|slice| slice.ports.iter().any(is_node_port) && slice.endpoints.iter().any(may_be_node))
    }

    /// Notes whether an endpoint of a Service, which has these slices, may be a Node.
    pub(super) fn suspect<'a>(
        &mut self,
        service: &ServiceKey,
        slices: impl Iterator<Item = &'a EndpointSlice>,
    ) {
        if self.may_be_nodes(slices) {
            self.suspects.insert(service.clone());
        } else if !self.suspects.is_empty() {
            self.suspects.remove(service);
        }
    }

    /// Forgets a deleted Service.
    pub(super) fn forget_service(&mut self, service: &ServiceKey) {
        self.suspects.remove(service);
    }

    /// Names of all known Nodes.
    pub(super) fn node_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.nodes.keys()
    }

    fn leave(&mut self, gone: Vec<IpAddr>) {
        gone.iter().for_each(|ip| count_down(&mut self.addresses, ip));
    }

    /// Services that have endpoints at some node port, of which there are few.
    pub(super) fn concerned(&self) -> BTreeSet<ServiceKey> {
        let ports = self.node_ports.keys();
        ports.filter_map(|port| self.by_endpoint_port.get(port)).flatten().cloned().collect()
    }

    /// Replaces the node ports of one form of a Service by those of another; returns the Services that have endpoints at
    /// one that came or went.
    pub(super) fn replace(
        &mut self,
        before: Option<&Service>,
        after: Option<&Service>,
    ) -> BTreeSet<ServiceKey> {
        let [old, new] = [before, after].map(node_ports);
        if old == new {
            return BTreeSet::new();
        }
        new.iter().for_each(|port| *self.node_ports.entry(*port).or_default() += 1);
        old.iter().for_each(|port| count_down(&mut self.node_ports, port));
        let touched = old.iter().chain(&new).filter_map(|port| self.by_endpoint_port.get(port));
        touched.flatten().cloned().collect()
    }

    /// Replaces the ports at which a Service has endpoints, which are `before` and `after` in order.
    pub(super) fn replace_endpoint_ports(&mut self, service: &ServiceKey, before: &[Port], after: &[Port]) {
        for port in before.iter().filter(|port| !after.contains(port)) {
            if let Entry::Occupied(mut entry) = self.by_endpoint_port.entry(*port) {
                entry.get_mut().remove(service);
                if entry.get().is_empty() {
                    entry.remove();
                }
            }
        }
        for port in after.iter().filter(|port| !before.contains(port)) {
            self.by_endpoint_port.entry(*port).or_default().insert(service.clone());
        }
    }

    /// The slice without endpoints that are node ports of Nodes, and the addresses of those; `None` if there are none.
    pub(super) fn guard(&self, slice: &EndpointSlice) -> Option<(EndpointSlice, Refused)> {
        let is_node_port = |protocol, port| self.node_ports.contains_key(&(protocol, port));
        guard_node_ports(slice, is_node_port, |ip| self.addresses.contains_key(&ip))
    }
}

/// Ports at which a Service has endpoints, each once.
pub(super) fn endpoint_ports(parts: Option<&Parts>) -> Vec<Port> {
    let ports = parts.into_iter().flat_map(Parts::slices).flat_map(|slice| &slice.ports);
    let ports: BTreeSet<Port> = ports.map(|port| (port.protocol, port.port)).collect();
    ports.into_iter().collect()
}

fn node_ports(service: Option<&Service>) -> Vec<Port> {
    let ports = service.into_iter().flat_map(|service| &service.ports);
    ports.filter_map(|port| Some((port.protocol, port.node_port?))).collect()
}

/// Takes one away from a count, which is gone with the last.
fn count_down<K: Eq + std::hash::Hash + Copy>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Entry::Occupied(mut count) = counts.entry(*key) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}
