//! What does this node serve for one Service?

use super::{
    eligible::{self, ClusterRule, LocalRule},
    merge::{MergedPorts, merge, sorted},
};
use crate::model::{
    Endpoint, EndpointSet, EndpointSlice, Family, Node, PerFamily, PortKey, PortSpec, Service, ServiceKey,
    Settings,
};
use ipnet::IpNet;
use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    sync::Arc,
    time::Duration,
};

/// One port of one Service in one family, with everything a proxy needs to serve it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its identity.
    pub key: PortKey,
    /// The family of all addresses in here.
    pub family: Family,
    /// The cluster IP.
    pub cluster_ip: IpAddr,
    /// The port on cluster IP, external IPs and load-balancer IPs.
    pub port: NonZeroU16,
    /// The node port.
    pub node_port: Option<NonZeroU16>,
    /// External IPs, in spec order.
    pub external_ips: Box<[IpAddr]>,
    /// Load-balancer IPs, in status order.
    pub load_balancer_ips: Box<[IpAddr]>,
    /// Who may use the load-balancer IPs; empty means everybody.
    pub source_ranges: Box<[IpNet]>,
    /// Effective internalTrafficPolicy Local.
    pub internal_local: bool,
    /// Effective externalTrafficPolicy Local.
    pub external_local: bool,
    /// ClientIP affinity and its idle time-out.
    pub affinity: Option<Duration>,
    /// The Service's settings.
    pub settings: Arc<Settings>,
    /// All merged endpoints, eligible or not, sorted by the text `ip:port`.
    pub merged: Arc<[Endpoint]>,
    /// Endpoints for cluster-wide traffic; `None` when no traffic uses them.
    pub cluster: Option<EndpointSet>,
    /// Endpoints for node-local traffic; `None` when no traffic uses them.
    pub local: Option<EndpointSet>,
    /// Whether a usable endpoint exists anywhere in the cluster.
    pub has_any: bool,
}

impl ServicePort {
    /// Everything reachable through this node: the union of the lists in use (semantics R6).
    pub fn reachable(&self) -> EndpointSet {
        let wanted: HashSet<_> =
            self.cluster.iter().chain(&self.local).flat_map(EndpointSet::iter).map(|e| e.address).collect();
        EndpointSet::select(&self.merged, |endpoint| wanted.contains(&endpoint.address))
    }
}

/// What the health-check node port of a Service reports (semantics H1-H2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The port it is reported on.
    pub node_port: NonZeroU16,
    /// Distinct addresses of ready endpoints on this node.
    pub local_endpoints: usize,
}

/// Everything a node serves for one Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedService {
    /// The Service.
    pub key: ServiceKey,
    /// Its ports in both families, IPv4 first, in spec order.
    pub ports: Vec<Arc<ServicePort>>,
    /// Its health check in each family.
    pub health_checks: PerFamily<Option<HealthCheck>>,
}

/// Computes what `node` serves for `service`, given all slices of that Service in a fixed order.
pub fn serve<'a>(
    service: &Service,
    slices: impl IntoIterator<Item = &'a EndpointSlice> + Clone,
    node: &Node,
) -> ServedService {
    serve_merged(service, node, |family| merge(slices.clone(), family))
}

/// The same without Kubernetes: every port has these endpoints, which are always ready and on no node.
pub fn serve_fixed(service: &Service, endpoints: &[SocketAddr]) -> ServedService {
    serve_merged(service, &Node::default(), |family| {
        let of_family = endpoints.iter().filter(|address| Family::of(address.ip()) == family);
        let list = sorted(of_family.map(|&address| (address, Endpoint::ready(address))).collect());
        let ports = service.ports.iter();
        ports.map(|port| ((Arc::clone(&port.name), port.protocol), Arc::clone(&list))).collect()
    })
}

fn serve_merged(
    service: &Service,
    node: &Node,
    mut merged: impl FnMut(Family) -> MergedPorts,
) -> ServedService {
    let mut served =
        ServedService { key: service.key.clone(), ports: Vec::new(), health_checks: PerFamily::default() };
    for family in Family::ALL {
        let Some(cluster_ip) = *service.cluster_ips.get(family) else { continue };
        if service.ports.is_empty() {
            continue;
        }
        let merged = merged(family);
        served.ports.reserve_exact(service.ports.len());
        let port = |port| Arc::new(serve_port(service, port, family, cluster_ip, &merged, node));
        served.ports.extend(service.ports.iter().map(port));
        *served.health_checks.get_mut(family) = service
            .health_check_node_port
            .map(|node_port| HealthCheck { node_port, local_endpoints: count_local(&merged, node) });
    }
    served
}

fn serve_port(
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

/// Distinct addresses of ready endpoints on this node, over all slice ports (semantics H2).
fn count_local(merged: &MergedPorts, node: &Node) -> usize {
    let ready = merged.values().flat_map(|endpoints| endpoints.iter());
    let local = ready.filter(|e| e.conditions.ready && node.is_local(e.node.as_deref()));
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
        let served = serve_fixed(&service, &endpoints.map(|text| text.parse().unwrap()));
        assert_eq!(served.ports.len(), 2);
        for port in &served.ports {
            let listed: Vec<String> =
                port.cluster.iter().flat_map(EndpointSet::iter).map(|e| e.address.to_string()).collect();
            assert_eq!((listed, port.has_any), (vec!["10.0.0.10:53".into(), "10.0.0.2:53".into()], true));
        }
    }
}
