//! Does an object mean the same whether all of it was read or a part?

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
    assert_eq!(part.uid, whole.uid, "{object}");
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
    let cidr = json!({ "metadata": metadata("kubernetes"), "spec": { "cidrs": ["10.96.0.0/16", "wrong"] } });
    means_the_same::<ServiceCIDR>(&cidr);
}

#[test]
fn what_an_endpoint_stands_for_and_the_age_of_a_service_mean_the_same() {
    for target in [
        json!({ "kind": "Pod", "name": "web-0", "uid": "1" }),
        json!({ "kind": "Node" }),
        json!({}),
        json!(null),
    ] {
        let endpoint = json!({ "addresses": ["10.0.0.1"], "targetRef": target });
        let labels = json!({ "kubernetes.io/service-name": "web" });
        let metadata = json!({ "name": "web-1", "labels": labels });
        means_the_same::<EndpointSlice>(
            &json!({ "metadata": metadata, "addressType": "IPv4", "endpoints": [endpoint] }),
        );
    }
    let metadata = json!({ "name": "web", "creationTimestamp": "2026-01-02T03:04:05Z" });
    means_the_same::<Service>(&json!({ "metadata": metadata, "spec": { "clusterIP": "10.96.0.1" } }));
}

#[test]
fn what_may_be_null_or_missing_may_be_so() {
    for slice in [
        json!({ "metadata": { "name": "a" }, "addressType": "IPv4", "endpoints": null }),
        json!({ "metadata": { "name": "a", "labels": null }, "addressType": "IPv4", "endpoints": [{ "addresses": null }] }),
    ] {
        means_the_same::<EndpointSlice>(&slice);
    }
    let service =
        json!({ "metadata": { "name": "a", "creationTimestamp": null }, "spec": { "ports": null } });
    means_the_same::<Service>(&service);
    means_the_same::<Node>(&json!({ "metadata": { "name": "node-a" } }));
}
