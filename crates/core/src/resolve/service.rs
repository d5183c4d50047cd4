//! What becomes of one Service and its EndpointSlices on this node?

use super::{
    eligible::{self, ClusterRule, LocalRule},
    merge::{MergedPorts, merge, sorted},
    overrides::Overrides,
    service_port::ServicePort,
};
use crate::model::{
    CreationTime, Endpoint, EndpointSet, EndpointSlice, Family, Node, PerFamily, PortKey, PortSpec, Service,
    ServiceKey,
};
use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    sync::Arc,
};

/// What the health-check node port of a Service reports in one family (semantics H1, H2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The port on which the answer is given.
    pub node_port: NonZeroU16,
    /// Number of distinct addresses of ready endpoints on this node that are not in maintenance.
    pub local_endpoints: usize,
}

/// One Service resolved on a node: everything that the node serves for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedService {
    /// Namespace and name of the Service.
    pub key: ServiceKey,
    /// When the Service was created.
    pub created: CreationTime,
    /// The ports of both families, IPv4 first, in spec order.
    pub ports: Vec<Arc<ServicePort>>,
    /// What the health-check node port reports, by family; `None` without one.
    pub health_checks: PerFamily<Option<HealthCheck>>,
}

/// Resolves `service` on `node`. `slices` are all its EndpointSlices, in a fixed order.
pub fn resolve<'a>(
    service: &Service,
    slices: impl IntoIterator<Item = &'a EndpointSlice> + Clone,
    node: &Node,
) -> ResolvedService {
    resolve_steered(service, slices, node, &Overrides::default())
}

/// Resolves `service` like [`resolve`], with what an operator has said of its endpoints.
pub fn resolve_steered<'a>(
    service: &Service,
    slices: impl IntoIterator<Item = &'a EndpointSlice> + Clone,
    node: &Node,
    overrides: &Overrides,
) -> ResolvedService {
    resolve_merged(service, node, |family| merge(slices.clone(), family, overrides))
}

/// Resolves `service` without Kubernetes: every port has `endpoints`, which are always ready and on no node (a static cluster
/// in Envoy's words).
pub fn resolve_static(service: &Service, endpoints: &[SocketAddr]) -> ResolvedService {
    resolve_merged(service, &Node::default(), |family| {
        let of_family = endpoints.iter().filter(|address| Family::of(address.ip()) == family);
        let list = sorted(of_family.map(|&address| (address, Endpoint::ready(address))).collect());
        let ports = service.ports.iter();
        ports.map(|port| ((Arc::clone(&port.name), port.protocol), Arc::clone(&list))).collect()
    })
}

fn resolve_merged(
    service: &Service,
    node: &Node,
    mut merged: impl FnMut(Family) -> MergedPorts,
) -> ResolvedService {
    let mut resolved = ResolvedService {
        key: service.key.clone(),
        created: service.created,
        ports: Vec::new(),
        health_checks: PerFamily::default(),
    };
    for family in Family::ALL {
        let Some(cluster_ip) = *service.cluster_ips.get(family) else { continue };
        if service.ports.is_empty() {
            continue;
        }
        let merged = merged(family);
        resolved.ports.reserve_exact(service.ports.len());
        let port = |port| Arc::new(resolve_port(service, port, family, cluster_ip, &merged, node));
        resolved.ports.extend(service.ports.iter().map(port));
        *resolved.health_checks.get_mut(family) = service
            .health_check_node_port
            .map(|node_port| HealthCheck { node_port, local_endpoints: count_local(&merged, node) });
    }
    resolved
}

fn resolve_port(
    service: &Service,
    port: &PortSpec,
    family: Family,
    cluster_ip: IpAddr,
    merged: &MergedPorts,
    node: &Node,
) -> ServicePort {
    let endpoints = merged.get(&(Arc::clone(&port.name), port.protocol)).cloned().unwrap_or_default();
    let external_ips = service.external_ips.get(family).clone();
    let load_balancer_ips = service.load_balancer_ips.get(family).clone();
    let external = port.node_port.is_some() || !external_ips.is_empty() || !load_balancer_ips.is_empty();
    let uses_cluster = !service.internal_local || external;
    let uses_local = service.internal_local || (service.external_local && external);
    let cluster = uses_cluster.then(|| {
        let rule = ClusterRule::of(&endpoints, node);
        EndpointSet::select(&endpoints, |endpoint| rule.judge(endpoint, node).is_ok())
    });
    let local = uses_local.then(|| {
        let rule = LocalRule::of(&endpoints, node);
        EndpointSet::select(&endpoints, |endpoint| rule.judge(endpoint, node).is_ok())
    });
    ServicePort {
        key: PortKey { service: service.key.clone(), name: Arc::clone(&port.name), protocol: port.protocol },
        created: service.created,
        family,
        cluster_ip,
        port: port.port,
        node_port: port.node_port,
        external_ips,
        load_balancer_ips,
        source_ranges: service.source_ranges.get(family).clone(),
        internal_local: service.internal_local,
        external_local: service.external_local,
        affinity: service.affinity,
        settings: Arc::clone(&service.settings),
        has_any: eligible::has_any(&endpoints),
        cluster,
        local,
        merged: endpoints,
    }
}

/// Counts distinct addresses of ready endpoints on `node`, over all slice ports (semantics H2). Those in maintenance do not
/// count: a load balancer in front must send its clients to other nodes.
fn count_local(merged: &MergedPorts, node: &Node) -> usize {
    let all = merged.values().flat_map(|endpoints| endpoints.iter());
    let local = all.filter(|e| eligible::is_ready(e) && node.is_local(e.node.as_deref()));
    local.map(|e| e.address.ip()).collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Protocol;

    #[test]
    fn fixed_endpoints_serve_every_port_in_their_family_only() {
        let port = |name: &str, protocol, port| PortSpec {
            name: name.into(),
            protocol,
            port: NonZeroU16::new(port).unwrap(),
            node_port: None,
        };
        let ports = vec![port("dns", Protocol::Udp, 53), port("dns-tcp", Protocol::Tcp, 53)];
        let service = Service::new(ServiceKey::new("default", "dns"), "10.96.0.10".parse().unwrap(), ports);
        let endpoints = ["10.0.0.2:53", "[fd00::1]:53", "10.0.0.10:53", "10.0.0.2:53"];
        let resolved = resolve_static(&service, &endpoints.map(|text| text.parse().unwrap()));
        assert_eq!(resolved.ports.len(), 2);
        for port in &resolved.ports {
            let listed: Vec<String> =
                port.cluster.iter().flat_map(EndpointSet::iter).map(|e| e.address.to_string()).collect();
            assert_eq!((listed, port.has_any), (vec!["10.0.0.10:53".into(), "10.0.0.2:53".into()], true));
        }
    }
}
