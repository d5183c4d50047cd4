//! How much of an API object is read? Fields that weir does not use are skipped while the object is parsed.
//!
//! The record of who has set which field is often half of an object, and a Node lists its images. There is one type
//! for all kinds, so that watching and parsing are compiled once: a field has one meaning in all of them.

use crate::{
    Kind, ObjectKey, Scope,
    translate::{Translation, key, translate},
};
use k8s_openapi::{
    api::{
        core::v1::{
            LoadBalancerStatus, Node, NodeAddress, NodeSpec, NodeStatus, ObjectReference, Service,
            ServicePort, ServiceSpec, ServiceStatus, SessionAffinityConfig, Taint,
        },
        discovery::v1::{
            Endpoint as ApiEndpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice,
        },
        networking::v1::{ServiceCIDR, ServiceCIDRSpec},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::{Resource, core::DynamicResourceScope};
use serde::{Deserialize, Deserializer};
use std::{borrow::Cow, collections::BTreeMap};

/// Object of any kind that is watched, reduced to the fields that weir uses.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiObject {
    #[serde(deserialize_with = "Metadata::read")]
    metadata: ObjectMeta,
    /// Boxed, because EndpointSlices, of which there are most, have none.
    spec: Option<Box<Spec>>,
    status: Option<Status>,
    address_type: Option<String>,
    ports: Option<Vec<EndpointPort>>,
    endpoints: Option<Vec<Endpoint>>,
}

/// `metadata` of all kinds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

/// `spec` of Services, then of Nodes, then of ServiceCIDRs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "type")]
    type_: Option<String>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Option<Vec<String>>,
    #[serde(rename = "externalIPs")]
    external_ips: Option<Vec<String>>,
    external_traffic_policy: Option<String>,
    health_check_node_port: Option<i32>,
    internal_traffic_policy: Option<String>,
    ip_families: Option<Vec<String>>,
    load_balancer_source_ranges: Option<Vec<String>>,
    ports: Option<Vec<ServicePort>>,
    session_affinity: Option<String>,
    session_affinity_config: Option<SessionAffinityConfig>,
    #[serde(rename = "podCIDR")]
    pod_cidr: Option<String>,
    #[serde(rename = "podCIDRs")]
    pod_cidrs: Option<Vec<String>>,
    taints: Option<Vec<Taint>>,
    cidrs: Option<Vec<String>>,
}

/// `status` of Services, then of Nodes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    load_balancer: Option<LoadBalancerStatus>,
    addresses: Option<Vec<NodeAddress>>,
}

/// Endpoint of an EndpointSlice.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    addresses: Option<Vec<String>>,
    conditions: Option<EndpointConditions>,
    hints: Option<EndpointHints>,
    node_name: Option<String>,
    target_ref: Option<TargetRef>,
    zone: Option<String>,
}

/// What an endpoint stands for.
#[derive(Clone, Debug, Deserialize)]
struct TargetRef {
    kind: Option<String>,
}

impl ApiObject {
    /// Translates an object of a kind that exists.
    pub(super) fn translate(self, kind: Kind, scope: &Scope) -> Translation {
        match kind {
            Kind::Service => translate(&Service::from(self), scope),
            Kind::EndpointSlice => translate(&EndpointSlice::from(self), scope),
            Kind::Node => translate(&Node::from(self), scope),
            Kind::ServiceCidr => translate(&ServiceCIDR::from(self), scope),
        }
    }

    /// Key of an object of a kind.
    pub(super) fn key(&self, kind: Kind) -> ObjectKey {
        key(kind, &self.metadata)
    }
}

impl Resource for ApiObject {
    type DynamicType = Kind;
    type Scope = DynamicResourceScope;

    fn kind(kind: &Kind) -> Cow<'_, str> {
        kind.as_str().into()
    }

    fn group(kind: &Kind) -> Cow<'_, str> {
        match kind {
            Kind::Service | Kind::Node => "".into(),
            Kind::EndpointSlice => "discovery.k8s.io".into(),
            Kind::ServiceCidr => "networking.k8s.io".into(),
        }
    }

    fn version(_: &Kind) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural(kind: &Kind) -> Cow<'_, str> {
        kind.resource().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Metadata {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
        let read = Self::deserialize(deserializer)?;
        Ok(ObjectMeta {
            name: read.name,
            namespace: read.namespace,
            uid: read.uid,
            resource_version: read.resource_version,
            creation_timestamp: read.creation_timestamp,
            deletion_timestamp: read.deletion_timestamp,
            labels: read.labels,
            annotations: read.annotations,
            ..ObjectMeta::default()
        })
    }
}

impl From<ApiObject> for Service {
    fn from(ApiObject { metadata, spec, status, .. }: ApiObject) -> Self {
        let spec = spec.map(|spec| ServiceSpec {
            type_: spec.type_,
            cluster_ip: spec.cluster_ip,
            cluster_ips: spec.cluster_ips,
            external_ips: spec.external_ips,
            external_traffic_policy: spec.external_traffic_policy,
            health_check_node_port: spec.health_check_node_port,
            internal_traffic_policy: spec.internal_traffic_policy,
            ip_families: spec.ip_families,
            load_balancer_source_ranges: spec.load_balancer_source_ranges,
            ports: spec.ports,
            session_affinity: spec.session_affinity,
            session_affinity_config: spec.session_affinity_config,
            ..ServiceSpec::default()
        });
        let status = status
            .map(|Status { load_balancer, .. }| ServiceStatus { load_balancer, ..ServiceStatus::default() });
        Self { metadata, spec, status }
    }
}

impl From<ApiObject> for EndpointSlice {
    fn from(ApiObject { metadata, address_type, ports, endpoints, .. }: ApiObject) -> Self {
        let endpoints = endpoints.unwrap_or_default().into_iter().map(ApiEndpoint::from).collect();
        Self { metadata, address_type: address_type.unwrap_or_default(), ports, endpoints }
    }
}

impl From<Endpoint> for ApiEndpoint {
    fn from(Endpoint { addresses, conditions, hints, node_name, target_ref, zone }: Endpoint) -> Self {
        let addresses = addresses.unwrap_or_default();
        let target_ref =
            target_ref.map(|target| ObjectReference { kind: target.kind, ..ObjectReference::default() });
        Self { addresses, conditions, hints, node_name, target_ref, zone, ..Self::default() }
    }
}

impl From<ApiObject> for Node {
    fn from(ApiObject { metadata, spec, status, .. }: ApiObject) -> Self {
        let spec = spec.map(|spec| NodeSpec {
            pod_cidr: spec.pod_cidr,
            pod_cidrs: spec.pod_cidrs,
            taints: spec.taints,
            ..NodeSpec::default()
        });
        let status = status.map(|Status { addresses, .. }| NodeStatus { addresses, ..NodeStatus::default() });
        Self { metadata, spec, status }
    }
}

impl From<ApiObject> for ServiceCIDR {
    fn from(ApiObject { metadata, spec, .. }: ApiObject) -> Self {
        let spec = spec.map(|spec| ServiceCIDRSpec { cidrs: spec.cidrs });
        Self { metadata, spec, ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
