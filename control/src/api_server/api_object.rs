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
            LoadBalancerStatus, Node, NodeAddress, NodeSpec, NodeStatus, Service, ServicePort, ServiceSpec,
            ServiceStatus, SessionAffinityConfig, Taint,
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
    resource_version: Option<String>,
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
    zone: Option<String>,
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
        let Self { name, namespace, resource_version, deletion_timestamp, labels, annotations } =
            Self::deserialize(deserializer)?;
        Ok(ObjectMeta {
            name,
            namespace,
            resource_version,
            deletion_timestamp,
            labels,
            annotations,
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
    fn from(Endpoint { addresses, conditions, hints, node_name, zone }: Endpoint) -> Self {
        let addresses = addresses.unwrap_or_default();
        Self { addresses, conditions, hints, node_name, zone, ..Self::default() }
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
mod tests {
    use super::*;
    use crate::translate::Translate;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};
    use std::{fs, path::Path};

    /// What weir makes of an object is the same whether all of it was read or a part.
    fn means_the_same<T: Translate + DeserializeOwned>(object: &Value) {
        let whole: T = serde_json::from_value(object.clone()).unwrap();
        let part: ApiObject = serde_json::from_value(object.clone()).unwrap();
        let scope = Scope { node_name: "node-a".into(), ..Scope::default() };
        assert_eq!(part.key(T::KIND), whole.key());
        let [whole, part] = [translate(&whole, &scope), part.translate(T::KIND, &scope)];
        assert_eq!((&part.event, part.triggered), (&whole.event, whole.triggered), "{object}");
        assert_eq!(part.problems, whole.problems, "{object}");
    }

    #[test]
    fn the_objects_of_all_golden_vectors_mean_the_same() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance");
        let mut objects = 0;
        for file in ["curated.json", "random.json"] {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            let golden: Value = serde_json::from_str(&text).unwrap();
            for case in golden["cases"].as_array().unwrap() {
                let of = |kind: &str| case[kind].as_array().into_iter().flatten().cloned();
                of("services").for_each(|service| means_the_same::<Service>(&service));
                of("endpointSlices").for_each(|slice| means_the_same::<EndpointSlice>(&slice));
                objects += of("services").chain(of("endpointSlices")).count();
            }
        }
        assert!(objects > 1000, "{objects}");
    }

    #[test]
    fn a_node_and_a_service_cidr_with_everything_mean_the_same() {
        let metadata = |name: &str| {
            json!({
                "name": name,
                "uid": "1",
                "resourceVersion": "7",
                "deletionTimestamp": "2026-01-02T03:04:05Z",
                "labels": { "topology.kubernetes.io/zone": "zone-a" },
                "managedFields": [{ "manager": "kubelet", "fieldsV1": { "f:status": {} } }],
            })
        };
        let taint = json!({ "key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule" });
        means_the_same::<Node>(&json!({
            "metadata": metadata("node-a"),
            "spec": { "podCIDR": "10.244.0.0/24", "podCIDRs": ["10.244.0.0/24", "wrong"], "taints": [taint] },
            "status": {
                "addresses": [{ "type": "InternalIP", "address": "192.0.2.1" }, { "type": "InternalIP", "address": "?" }],
                "images": [{ "names": ["a"], "sizeBytes": 1 }],
            },
        }));
        let cidr =
            json!({ "metadata": metadata("kubernetes"), "spec": { "cidrs": ["10.96.0.0/16", "wrong"] } });
        means_the_same::<ServiceCIDR>(&cidr);
    }

    #[test]
    fn what_may_be_null_or_missing_may_be_so() {
        for slice in [
            json!({ "metadata": { "name": "a" }, "addressType": "IPv4", "endpoints": null }),
            json!({ "metadata": { "name": "a", "labels": null }, "addressType": "IPv4", "endpoints": [{ "addresses": null }] }),
        ] {
            means_the_same::<EndpointSlice>(&slice);
        }
        means_the_same::<Service>(&json!({ "metadata": { "name": "a" }, "spec": { "ports": null } }));
        means_the_same::<Node>(&json!({ "metadata": { "name": "node-a" } }));
    }
}
