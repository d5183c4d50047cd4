//! Which addresses do guards refuse of each Service, and which of them are new?

use super::{addresses::Addresses, node_ports::NodePorts, refusals::Refusals, state::State};
use crate::{Object, ObjectKey};
use ipnet::IpNet;
use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    mem,
    net::IpAddr,
};
use weir_core::{
    EndpointSlice, Node, PerFamily, Service, ServiceKey, SharedMap,
    guards::{GuardRules, OwnAddresses, Refused, Role, guard_service, guard_slice},
};

/// Removes addresses that must be neither served nor dialled from objects, and remembers them.
#[derive(Debug)]
pub(super) struct Guard {
    rules: GuardRules,
    /// Index of who holds and who wants which address.
    pub(super) addresses: Addresses,
    /// Index of Nodes, node ports, and Services that have endpoints at node ports.
    pub(super) node_ports: NodePorts,
    /// Addresses refused regardless of other objects, by the object that names them. Most objects name none.
    by_object: HashMap<ObjectKey, Refused>,
    /// Addresses refused because of other objects or of the host, by Service.
    by_others: HashMap<ServiceKey, Refused>,
    /// Refused addresses of each Service, as reported last.
    reported: SharedMap<Refused>,
}

impl Guard {
    pub(super) fn new(rules: GuardRules) -> Self {
        Self {
            rules,
            addresses: Addresses::default(),
            node_ports: NodePorts::default(),
            by_object: HashMap::new(),
            by_others: HashMap::new(),
            reported: SharedMap::default(),
        }
    }

    /// Removes the addresses from an object that are refused regardless of other objects.
    pub(super) fn check(&mut self, key: &ObjectKey, object: &mut Object) {
        let refused = match object {
            Object::Service(service) => guard_service(service),
            Object::EndpointSlice(slice) => guard_slice(slice, &self.rules.refused_endpoints),
            Object::Node(_) | Object::ServiceCidr(_) => return,
        };
        if refused.is_empty() {
            self.by_object.remove(key);
        } else {
            self.by_object.insert(key.clone(), refused);
        }
    }

    /// Replaces the addresses of this host's interfaces; returns those that came or went.
    pub(super) fn set_host(&mut self, host: BTreeSet<IpAddr>) -> Vec<IpAddr> {
        let before = mem::replace(&mut self.rules.host, host);
        before.symmetric_difference(&self.rules.host).copied().collect()
    }

    /// Services that have to be judged again after a change of this node's own addresses, `changed` among them. Looks
    /// at all endpoints, as such a change is rare.
    pub(super) fn concerned(&self, state: &State, changed: &[IpAddr]) -> BTreeSet<ServiceKey> {
        // What the Node has decides about the host's other addresses, too.
        let host: BTreeSet<IpAddr> = self.rules.host.iter().chain(changed).copied().collect();
        let own = OwnAddresses { node: state.node(), host: &host };
        let is_at_own =
            |slice: &&EndpointSlice| slice.endpoints.iter().any(|at| own.contain_any_form_of(at.ip));
        let by_endpoint = state.slices().filter(is_at_own).map(|slice| slice.service.clone());
        by_endpoint.chain(self.addresses.claimants().cloned()).collect()
    }

    /// The Service without the virtual IPs, and its slices without the endpoints, that are refused because of other
    /// objects or of the host. Copies only what is refused in part, and a Service with virtual IPs.
    pub(super) fn guarded<'a>(
        &mut self,
        service: &'a Service,
        slices: impl Iterator<Item = &'a EndpointSlice> + Clone,
        node: &Node,
        service_cidrs: &[IpNet],
    ) -> (Cow<'a, Service>, Vec<Cow<'a, EndpointSlice>>) {
        self.node_ports.suspect(&service.key, slices.clone());
        let own = OwnAddresses { node, host: &self.rules.host };
        let mut refused = Refused::new();
        let slices = self.guarded_slices(&service.key, slices, own, &mut refused);
        let service = self.guarded_service(service, own, service_cidrs, &mut refused);
        match refused.is_empty() {
            true => self.by_others.remove(&service.key),
            false => self.by_others.insert(service.key.clone(), refused),
        };
        (service, slices)
    }

    fn guarded_slices<'a>(
        &self,
        service: &ServiceKey,
        slices: impl Iterator<Item = &'a EndpointSlice>,
        own: OwnAddresses<'_>,
        refused: &mut Refused,
    ) -> Vec<Cow<'a, EndpointSlice>> {
        // The API server writes its own slices, and says of no Pod.
        let is_exempt = self.rules.allow_node_endpoints || Addresses::is_api_server(service);
        let mut guarded = |slice: &'a EndpointSlice| {
            let mut slice = Cow::Borrowed(slice);
            if !is_exempt && slice.endpoints.iter().any(|endpoint| own.endpoint_refusal(endpoint).is_some()) {
                slice.to_mut().endpoints.retain(|endpoint| {
                    let reason = own.endpoint_refusal(endpoint);
                    refused.extend(reason.map(|reason| (Role::Endpoint, reason, endpoint.ip)));
                    reason.is_none()
                });
            }
            if let Some((rest, at_node_ports)) = self.node_ports.guard(&slice) {
                refused.extend(at_node_ports);
                slice = Cow::Owned(rest);
            }
            slice
        };
        slices.map(&mut guarded).collect()
    }

    fn guarded_service<'a>(
        &self,
        service: &'a Service,
        own: OwnAddresses<'_>,
        service_cidrs: &[IpNet],
        refused: &mut Refused,
    ) -> Cow<'a, Service> {
        let none = PerFamily::default();
        if service.external_ips == none && service.load_balancer_ips == none {
            return Cow::Borrowed(service);
        }
        let mut service = service.clone();
        let Service { key, external_ips, load_balancer_ips, .. } = &mut service;
        let rules = &self.rules.virtual_ips;
        let mut keep = |role, ips: &mut PerFamily<Box<[IpAddr]>>| {
            let mut is_allowed = |ip: &IpAddr| {
                let holder = self.addresses.holder(*ip, key, service_cidrs);
                let reason = match role {
                    Role::LoadBalancerIp => rules.load_balancer_ip_refusal(*ip, own, holder),
                    _ => rules.external_ip_refusal(*ip, own, holder),
                };
                refused.extend(reason.map(|reason| (role, reason, *ip)));
                reason.is_none()
            };
            for ips in [&mut ips.v4, &mut ips.v6] {
                *ips = mem::take(ips).into_iter().filter(&mut is_allowed).collect();
            }
        };
        keep(Role::Frontend, external_ips);
        keep(Role::LoadBalancerIp, load_balancer_ips);
        Cow::Owned(service)
    }

    /// Forgets what other objects made guards refuse of a deleted Service.
    pub(super) fn forget_service(&mut self, service: &ServiceKey) {
        self.by_others.remove(service);
        self.node_ports.forget_service(service);
    }

    /// Forgets the refused addresses of a deleted object.
    pub(super) fn forget(&mut self, key: &ObjectKey) {
        self.by_object.remove(key);
    }

    /// Refused addresses of each Service, as of the last commit.
    pub(super) fn refused(&self) -> SharedMap<Refused> {
        self.reported.clone()
    }

    /// Refused addresses of a Service that consists of `objects`, if they have changed since the last report.
    pub(super) fn changed_refusals(
        &mut self,
        service: &ServiceKey,
        objects: impl Iterator<Item = ObjectKey>,
    ) -> Option<Refusals> {
        let Self { by_object, by_others, reported, .. } = &*self;
        if by_object.is_empty() && by_others.is_empty() && reported.get(service).is_none() {
            return None;
        }
        let by_others = by_others.get(service).into_iter();
        let refused = objects.filter_map(|key| by_object.get(&key)).chain(by_others);
        let refused: Refused = refused.flatten().copied().collect();
        let before = match refused.is_empty() {
            true => self.reported.remove(service),
            false => self.reported.insert(service.clone(), refused.clone()),
        };
        let before = before.unwrap_or_default();
        let new = refused.difference(&before).copied().collect();
        (before != refused).then(|| Refusals { service: service.clone(), refused, new })
    }
}
