//! How much of an API object is read? What weir does not look at is left out while it is parsed.
//!
//! Who has set which field is often half of an object, and a Node lists its images.

use k8s_openapi::{
    api::{
        core::v1::{Node, NodeAddress, NodeSpec, NodeStatus, Service, ServiceSpec, ServiceStatus, Taint},
        discovery::v1::{Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice},
        networking::v1::{ServiceCIDR, ServiceCIDRSpec},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::Resource;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use std::{borrow::Cow, collections::BTreeMap};

/// An object of which only a part was read.
#[derive(Clone, Debug)]
pub(super) struct Trimmed<T>(pub(super) T);

/// A kind whose objects are read in part.
pub(super) trait Trim: Sized {
    /// What is read.
    type Read: DeserializeOwned + Into<Self>;
}

impl<'de, T: Trim> Deserialize<'de> for Trimmed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::Read::deserialize(deserializer).map(|read| Self(read.into()))
    }
}

impl<T: Resource> Resource for Trimmed<T> {
    type DynamicType = T::DynamicType;
    type Scope = T::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        T::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        T::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        T::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        T::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

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

impl From<Metadata> for ObjectMeta {
    fn from(read: Metadata) -> Self {
        let Metadata { name, namespace, resource_version, deletion_timestamp, labels, annotations } = read;
        Self { name, namespace, resource_version, deletion_timestamp, labels, annotations, ..Self::default() }
    }
}

impl Trim for Service {
    type Read = ReadService;
}

#[derive(Deserialize)]
pub(super) struct ReadService {
    metadata: Metadata,
    spec: Option<ServiceSpec>,
    status: Option<ServiceStatus>,
}

impl From<ReadService> for Service {
    fn from(ReadService { metadata, spec, status }: ReadService) -> Self {
        Self { metadata: metadata.into(), spec, status }
    }
}

impl Trim for EndpointSlice {
    type Read = ReadSlice;
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadSlice {
    metadata: Metadata,
    address_type: Option<String>,
    ports: Option<Vec<EndpointPort>>,
    endpoints: Option<Vec<ReadEndpoint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadEndpoint {
    addresses: Option<Vec<String>>,
    conditions: Option<EndpointConditions>,
    hints: Option<EndpointHints>,
    node_name: Option<String>,
    zone: Option<String>,
}

impl From<ReadSlice> for EndpointSlice {
    fn from(ReadSlice { metadata, address_type, ports, endpoints }: ReadSlice) -> Self {
        let endpoints = endpoints.unwrap_or_default().into_iter().map(Endpoint::from).collect();
        Self { metadata: metadata.into(), address_type: address_type.unwrap_or_default(), ports, endpoints }
    }
}

impl From<ReadEndpoint> for Endpoint {
    fn from(ReadEndpoint { addresses, conditions, hints, node_name, zone }: ReadEndpoint) -> Self {
        let addresses = addresses.unwrap_or_default();
        Self { addresses, conditions, hints, node_name, zone, ..Self::default() }
    }
}

impl Trim for Node {
    type Read = ReadNode;
}

#[derive(Deserialize)]
pub(super) struct ReadNode {
    metadata: Metadata,
    spec: Option<ReadNodeSpec>,
    status: Option<ReadNodeStatus>,
}

#[derive(Deserialize)]
struct ReadNodeSpec {
    taints: Option<Vec<Taint>>,
    #[serde(rename = "podCIDR")]
    pod_cidr: Option<String>,
    #[serde(rename = "podCIDRs")]
    pod_cidrs: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ReadNodeStatus {
    addresses: Option<Vec<NodeAddress>>,
}

impl From<ReadNode> for Node {
    fn from(ReadNode { metadata, spec, status }: ReadNode) -> Self {
        let spec = spec.map(|ReadNodeSpec { taints, pod_cidr, pod_cidrs }| NodeSpec {
            taints,
            pod_cidr,
            pod_cidrs,
            ..NodeSpec::default()
        });
        let status =
            status.map(|ReadNodeStatus { addresses }| NodeStatus { addresses, ..NodeStatus::default() });
        Self { metadata: metadata.into(), spec, status }
    }
}

impl Trim for ServiceCIDR {
    type Read = ReadServiceCidr;
}

#[derive(Deserialize)]
pub(super) struct ReadServiceCidr {
    metadata: Metadata,
    spec: Option<ServiceCIDRSpec>,
}

impl From<ReadServiceCidr> for ServiceCIDR {
    fn from(ReadServiceCidr { metadata, spec }: ReadServiceCidr) -> Self {
        Self { metadata: metadata.into(), spec, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Scope,
        translate::{Translate, translate},
    };
    use serde_json::{Value, json};
    use std::{fs, path::Path};

    /// What weir makes of an object is the same whether all of it was read or a part.
    fn means_the_same<T: Trim + Translate + DeserializeOwned>(object: &Value) {
        let whole: T = serde_json::from_value(object.clone()).unwrap();
        let Trimmed(part) = serde_json::from_value::<Trimmed<T>>(object.clone()).unwrap();
        let scope = Scope { node_name: "node-a".into(), ..Scope::default() };
        let [whole, part] = [whole, part].map(|object| translate(&object, &scope));
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
