//! How is a Snapshot written down? The form of `weir resolve -o json` and of the golden vectors (conformance/FORMAT.md).

use super::{service_port::ServicePort, snapshot::Snapshot};
use crate::model::{EndpointSet, Family, Protocol, ServiceKey};
use ipnet::IpNet;
use serde::Serialize;
use std::{net::IpAddr, num::NonZeroU16};

/// A Snapshot as JSON: what a node serves, family by family.
#[derive(Debug, Serialize)]
pub struct ResolveReport<'a> {
    /// What the node serves over IPv4.
    #[serde(rename = "IPv4")]
    pub v4: FamilyReport<'a>,
    /// What the node serves over IPv6.
    #[serde(rename = "IPv6")]
    pub v6: FamilyReport<'a>,
}

/// What a node serves in one family.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FamilyReport<'a> {
    /// Service ports, by namespace, Service, port name and protocol.
    pub ports: Vec<PortReport<'a>>,
    /// Health checks, by `namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<HealthCheckReport<'a>>,
}

/// One Service port ("Unit" in FORMAT.md). JSON leaves out fields that have their default value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortReport<'a> {
    ns: &'a str,
    svc: &'a str,
    port_name: &'a str,
    proto: Protocol,
    ip: IpAddr,
    port: NonZeroU16,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_port: Option<NonZeroU16>,
    #[serde(rename = "externalIPs", skip_serializing_if = "<[_]>::is_empty")]
    external_ips: &'a [IpAddr],
    #[serde(rename = "lbVIPs", skip_serializing_if = "<[_]>::is_empty")]
    load_balancer_ips: &'a [IpAddr],
    #[serde(rename = "srcRanges", skip_serializing_if = "<[_]>::is_empty")]
    source_ranges: &'a [IpNet],
    #[serde(skip_serializing_if = "Option::is_none")]
    affinity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    affinity_sec: Option<u64>,
    #[serde(rename = "itpLocal", skip_serializing_if = "std::ops::Not::not")]
    internal_local: bool,
    #[serde(rename = "etpLocal", skip_serializing_if = "std::ops::Not::not")]
    external_local: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hc_node_port: Option<NonZeroU16>,
    cluster: Option<Vec<String>>,
    local: Option<Vec<String>>,
    all: Vec<String>,
    has_any: bool,
}

/// What the health-check node port of one Service reports in one family.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckReport<'a> {
    ns: &'a str,
    svc: &'a str,
    node_port: NonZeroU16,
    local_endpoints: usize,
}

impl<'a> ResolveReport<'a> {
    /// The report of a Snapshot.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        Self::of_services(snapshot, |_| true)
    }

    /// The report of those Services of a Snapshot that `is_wanted`.
    pub fn of_services(snapshot: &'a Snapshot, is_wanted: impl Fn(&ServiceKey) -> bool) -> Self {
        let [v4, v6] = Family::ALL.map(|family| FamilyReport::of(snapshot, family, &is_wanted));
        Self { v4, v6 }
    }
}

impl<'a> FamilyReport<'a> {
    fn of(snapshot: &'a Snapshot, family: Family, is_wanted: &dyn Fn(&ServiceKey) -> bool) -> Self {
        let mut ports = Vec::new();
        let mut health_checks = Vec::new();
        for service in snapshot.services().filter(|service| is_wanted(&service.key)) {
            let health_check = *service.health_checks.get(family);
            let hc_node_port = health_check.map(|check| check.node_port);
            let of_family = service.ports.iter().filter(|port| port.family == family);
            ports.extend(of_family.map(|port| PortReport::of(port, hc_node_port)));
            health_checks.extend(health_check.map(|check| HealthCheckReport {
                ns: &service.key.namespace,
                svc: &service.key.name,
                node_port: check.node_port,
                local_endpoints: check.local_endpoints,
            }));
        }
        ports.sort_by_key(|port| (port.ns, port.svc, port.port_name, port.proto.as_str()));
        health_checks.sort_by_key(|check| format!("{}/{}", check.ns, check.svc));
        Self { ports, health_checks }
    }
}

impl<'a> PortReport<'a> {
    fn of(port: &'a ServicePort, hc_node_port: Option<NonZeroU16>) -> Self {
        Self {
            ns: &port.key.service.namespace,
            svc: &port.key.service.name,
            port_name: &port.key.name,
            proto: port.key.protocol,
            ip: port.cluster_ip,
            port: port.port,
            node_port: port.node_port,
            external_ips: &port.external_ips,
            load_balancer_ips: &port.load_balancer_ips,
            source_ranges: &port.source_ranges,
            affinity: port.affinity.map(|_| "ClientIP"),
            affinity_sec: port.affinity.map(|timeout| timeout.as_secs()),
            internal_local: port.internal_local,
            external_local: port.external_local,
            hc_node_port,
            cluster: port.cluster.as_ref().map(texts),
            local: port.local.as_ref().map(texts),
            all: texts(&port.reachable()),
            has_any: port.has_any,
        }
    }
}

fn texts(endpoints: &EndpointSet) -> Vec<String> {
    endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect()
}
