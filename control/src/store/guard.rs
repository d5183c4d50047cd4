//! Which addresses do guards refuse of each Service, and which of them are new?

use super::{addresses::Addresses, node_ports::NodePorts};
use crate::{Object, ObjectKey, Problem};
use ipnet::IpNet;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    mem,
    net::IpAddr,
};
use weir_core::{
    EndpointSlice, Node, PerFamily, Service, ServiceKey,
    guards::{GuardRules, Refusal, Refused, Role, guard_service, guard_slice},
};

/// Refused addresses of one Service, when they have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// Key of the Service.
    pub service: ServiceKey,
    /// All addresses that are refused now.
    pub refused: Refused,
    /// Addresses that were not refused before.
    pub new: Refused,
}

impl Refusals {
    /// One problem for each role and reason, with an address as an example.
    pub fn problems(&self) -> BTreeMap<(Role, Refusal), Problem> {
        let refused: Vec<_> = self.refused.iter().copied().collect();
        // Sorted by role and reason first.
        let groups = refused.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
        let problem = |group: &[(Role, Refusal, IpAddr)]| {
            let (role, reason, _) = group[0];
            let object = format_args!("Service {}", self.service);
            ((role, reason), Problem::new(object, field(role, reason), message(role, reason, group)))
        };
        groups.map(problem).collect()
    }
}

fn field(role: Role, reason: Refusal) -> &'static str {
    match (role, reason) {
        (Role::Endpoint, _) => "endpoints",
        (_, Refusal::ApiServer | Refusal::Node | Refusal::ClusterIp | Refusal::NotAllowed) => {
            "spec.externalIPs"
        }
        (Role::Frontend, _) => "addresses",
    }
}

/// Message that says what is refused, why, and what to do about it.
fn message(role: Role, reason: Refusal, refused: &[(Role, Refusal, IpAddr)]) -> String {
    let (.., first) = refused[0];
    let more = match refused.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let fate = match role {
        Role::Endpoint => "not dialled",
        Role::Frontend => "not served",
    };
    let why = match reason {
        Refusal::ApiServer => "is where the API server answers; take it out of the Service".to_owned(),
        Refusal::Node => {
            "is an address of this node; take it out of the Service, or if it is a floating address \
                          that is on an interface here now, name it itself in --allow-external-ips"
                .to_owned()
        }
        Refusal::ClusterIp => {
            "is another Service's cluster IP, or may become one; take it out of the Service".to_owned()
        }
        Refusal::NotAllowed => format!(
            "is outside the networks of --allow-external-ips; name its network there if everybody who may edit \
             Services may take what is sent to {first} (CVE-2020-8554)"
        ),
        Refusal::NodePort => {
            "is a Node's, at the node port of a Service: connections would go round between nodes; name \
                              the pods or that Service's cluster IP in the EndpointSlice"
                .to_owned()
        }
        Refusal::NotDialled => "is in --refuse-endpoints; take it out of the EndpointSlice".to_owned(),
        special => return format!("{first}{more} is a {special} address, which is {fate} (--guards)"),
    };
    format!("{first}{more} is {fate}: it {why}")
}

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
    /// External IPs refused because of other objects, by Service.
    by_external_ip: HashMap<ServiceKey, Refused>,
    /// Endpoints refused because of other objects, by Service.
    by_node_port: HashMap<ServiceKey, Refused>,
    /// Refused addresses of each Service, as reported last.
    reported: HashMap<ServiceKey, Refused>,
}

impl Guard {
    pub(super) fn new(rules: GuardRules) -> Self {
        Self {
            rules,
            addresses: Addresses::default(),
            node_ports: NodePorts::default(),
            by_object: HashMap::new(),
            by_external_ip: HashMap::new(),
            by_node_port: HashMap::new(),
            reported: HashMap::new(),
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

    /// The Service without the external IPs that are refused because of other objects. Only a Service with
    /// external IPs is copied.
    pub(super) fn guarded<'a>(
        &mut self,
        service: &'a Service,
        node: &Node,
        service_cidrs: &[IpNet],
    ) -> Cow<'a, Service> {
        self.by_external_ip.remove(&service.key);
        let mut service = Cow::Borrowed(service);
        if service.external_ips == PerFamily::default() {
            return service;
        }
        let Service { key, external_ips: PerFamily { v4, v6 }, .. } = service.to_mut();
        let mut refused = Refused::new();
        let mut is_allowed = |ip: &IpAddr| {
            let holder = self.addresses.holder(*ip, key, service_cidrs);
            let reason = self.rules.external_ips.refusal(*ip, node, holder);
            refused.extend(reason.map(|reason| (Role::Frontend, reason, *ip)));
            reason.is_none()
        };
        for ips in [v4, v6] {
            *ips = mem::take(ips).into_iter().filter(&mut is_allowed).collect();
        }
        if !refused.is_empty() {
            self.by_external_ip.insert(key.clone(), refused);
        }
        service
    }

    /// The slices of a Service without the endpoints that are refused because of other objects; `None` if there are none.
    pub(super) fn guarded_slices<'a>(
        &mut self,
        service: &ServiceKey,
        slices: impl Iterator<Item = &'a EndpointSlice> + Clone,
    ) -> Option<Vec<EndpointSlice>> {
        self.node_ports.suspect(service, slices.clone());
        let Some((slices, refused)) = self.node_ports.guarded(slices) else {
            self.by_node_port.remove(service);
            return None;
        };
        self.by_node_port.insert(service.clone(), refused);
        Some(slices)
    }

    /// Forgets what was refused of a deleted Service because of other objects.
    pub(super) fn forget_service(&mut self, service: &ServiceKey) {
        self.by_external_ip.remove(service);
        self.by_node_port.remove(service);
        self.node_ports.forget_service(service);
    }

    /// Forgets the refused addresses of a deleted object.
    pub(super) fn forget(&mut self, key: &ObjectKey) {
        self.by_object.remove(key);
    }

    /// Refused addresses of a Service that consists of `objects`, if they have changed since the last report.
    pub(super) fn changed_refusals(
        &mut self,
        service: &ServiceKey,
        objects: impl Iterator<Item = ObjectKey>,
    ) -> Option<Refusals> {
        let Self { by_object, by_external_ip, by_node_port, reported, .. } = &*self;
        let of_others = [by_external_ip, by_node_port];
        if by_object.is_empty() && of_others.iter().all(|refused| refused.is_empty()) && reported.is_empty() {
            return None;
        }
        let of_others = of_others.into_iter().filter_map(|refused| refused.get(service));
        let refused = objects.filter_map(|key| by_object.get(&key)).chain(of_others);
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
