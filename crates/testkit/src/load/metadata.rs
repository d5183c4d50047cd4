//! What do controllers and package managers write around what a Service proxy reads?

use serde_json::{Value, json};

use super::random::{mix, uid};

/// Creation time of every object.
pub(super) const CREATED: &str = "2026-01-15T09:30:00Z";

/// Labels of a release, as charts have them.
pub(super) fn labels(name: &str) -> Value {
    json!({
        "app.kubernetes.io/component": "server",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/version": "2.14.3",
        "helm.sh/chart": format!("{name}-7.2.1"),
    })
}

/// Metadata of a Service.
pub(super) fn of_service(namespace: &str, name: &str, number: u64) -> Value {
    json!({
        "name": name,
        "namespace": namespace,
        "uid": uid(number),
        "creationTimestamp": CREATED,
        "labels": labels(name),
        "annotations": {
            "meta.helm.sh/release-name": name,
            "meta.helm.sh/release-namespace": namespace,
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "9090",
        },
        "managedFields": [{
            "manager": "helm",
            "operation": "Update",
            "apiVersion": "v1",
            "time": CREATED,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {
                    "f:annotations": owned(&[
                        ".", "f:meta.helm.sh/release-name", "f:meta.helm.sh/release-namespace",
                        "f:prometheus.io/port", "f:prometheus.io/scrape",
                    ]),
                    "f:labels": owned(&[
                        ".", "f:app.kubernetes.io/component", "f:app.kubernetes.io/instance",
                        "f:app.kubernetes.io/managed-by", "f:app.kubernetes.io/name",
                        "f:app.kubernetes.io/version", "f:helm.sh/chart",
                    ]),
                },
                "f:spec": owned(&["f:internalTrafficPolicy", "f:ports", "f:selector", "f:sessionAffinity", "f:type"]),
            },
        }],
    })
}

/// Metadata of a slice, as the EndpointSlice controller writes it. `revision` counts its changes.
pub(super) fn of_slice(namespace: &str, service: &str, name: &str, number: u64, revision: u32) -> Value {
    let mut labels = labels(service);
    labels["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io".into();
    labels["kubernetes.io/service-name"] = service.into();
    json!({
        "name": name,
        "generateName": format!("{service}-"),
        "namespace": namespace,
        "uid": uid(mix(number)),
        "creationTimestamp": CREATED,
        "generation": revision + 1,
        "labels": labels,
        "annotations": { "endpoints.kubernetes.io/last-change-trigger-time": trigger_time(revision) },
        "ownerReferences": [{
            "apiVersion": "v1", "kind": "Service", "name": service, "uid": uid(number),
            "controller": true, "blockOwnerDeletion": true,
        }],
        "managedFields": [{
            "manager": "kube-controller-manager",
            "operation": "Update",
            "apiVersion": "discovery.k8s.io/v1",
            "time": CREATED,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:addressType": {}, "f:endpoints": {}, "f:ports": {},
                "f:metadata": {
                    "f:annotations": owned(&[".", "f:endpoints.kubernetes.io/last-change-trigger-time"]),
                    "f:generateName": {},
                    "f:labels": owned(&[
                        ".", "f:endpointslice.kubernetes.io/managed-by", "f:kubernetes.io/service-name",
                    ]),
                    "f:ownerReferences": { ".": {}, format!("k:{{\"uid\":\"{}\"}}", uid(number)): {} },
                },
            },
        }],
    })
}

/// A time that differs for each of a thousand changes.
fn trigger_time(revision: u32) -> String {
    format!("2026-01-15T09:{:02}:{:02}Z", 30 + revision / 60 % 30, revision % 60)
}

fn owned(fields: &[&str]) -> Value {
    fields.iter().map(|field| ((*field).to_owned(), json!({}))).collect()
}
