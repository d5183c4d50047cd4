//! Can any content of a file make weir panic, hang or forget what it served?

use super::{documents, service, slice};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use weir_control::{Loaded, Scope, load_manifests_with};

fn load(bytes: &[u8]) -> Loaded {
    load_manifests_with(&["-".into()], bytes, &Scope::default()).unwrap()
}

fn valid() -> Vec<u8> {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus:\n  addresses:\n  - {type: InternalIP, \
                address: 10.0.0.1}\n";
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR", "metadata": {"name": "a"}, "spec": {"cidrs": ["10.96.0.0/16"]}}]}"#;
    documents(&[service("web", 80), slice("web", "10.0.0.1"), node.into(), format!("{list}\n")]).into_bytes()
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        load(&bytes);
    }

    #[test]
    fn arbitrary_text(text in "[-a-z0-9:{}\\[\\],&*!|>'\"%@#? \\n\\t]{0,200}") {
        load(text.as_bytes());
    }

    #[test]
    fn a_manifest_with_bytes_changed(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = valid();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        load(&bytes);
    }

    #[test]
    fn a_manifest_with_parts_cut_out_and_repeated(
        parts in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..80), 1..12)
    ) {
        let valid = valid();
        let mut bytes = Vec::new();
        for (start, length) in parts {
            let start = start.index(valid.len());
            bytes.extend_from_slice(&valid[start..(start + length).min(valid.len())]);
        }
        load(&bytes);
    }
}

#[test]
fn the_unchanged_manifest_is_good() {
    let loaded = load(&valid());
    assert_eq!((loaded.report.problems.len(), loaded.report.objects), (0, 4));
}

#[test]
fn a_file_full_of_mistakes_reports_a_bounded_number() {
    let text = "---\n: [\n".repeat(20_000);
    let loaded = load(text.as_bytes());
    assert_eq!(loaded.report.problems.len(), 1001);
    assert!(loaded.report.problems.iter().any(|problem| problem.message == "has 19,000 more problems"));
}

#[test]
fn an_alias_bomb_is_one_mistake_beside_good_documents() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")));
    }
    let loaded = load(documents(&[bomb, service("web", 80)]).as_bytes());
    assert_eq!((loaded.report.problems.len(), loaded.report.objects), (1, 1));
}

/// A Service and an EndpointSlice in which every field that matters is set.
fn complete() -> Value {
    let annotations = [
        "balance",
        "connect-timeout",
        "on-endpoint-removed",
        "health-check",
        "health-check-interval",
        "accept-proxy-protocol",
        "max-connections",
    ];
    let annotations: Map<String, Value> =
        annotations.iter().map(|name| (format!("weir.dev/{name}"), "x".into())).collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Service",
          "metadata": { "name": "web", "namespace": "default", "labels": { "a": "b" }, "annotations": annotations },
          "spec": {
            "type": "LoadBalancer", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00::1"],
            "ipFamilies": ["IPv4", "IPv6"], "externalIPs": ["203.0.113.1"], "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 5 } }, "internalTrafficPolicy": "Local",
            "externalTrafficPolicy": "Local", "healthCheckNodePort": 30081,
            "loadBalancerSourceRanges": ["10.0.0.0/8"],
            "ports": [{ "name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP", "targetPort": 8080 }] },
          "status": { "loadBalancer": { "ingress": [{ "ip": "198.51.100.1", "ipMode": "VIP" }] } } },
        { "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
          "metadata": { "name": "web-1", "namespace": "default", "labels": { "kubernetes.io/service-name": "web" } },
          "addressType": "IPv4", "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
          "endpoints": [{ "addresses": ["10.0.0.1"], "nodeName": "a", "zone": "b",
            "conditions": { "ready": true, "serving": true, "terminating": false },
            "hints": { "forZones": [{ "name": "b" }], "forNodes": [{ "name": "a" }] } }] },
    ] })
}

/// All values in a document, by their paths; containers too.
fn pointers(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(field, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| pointers(item, &format!("{path}/{index}"), found));
        }
        _ => {}
    }
}

/// Any scalar as YAML writes it, and some that mean something here.
fn scalar() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "~",
        "null",
        "true",
        "no",
        "0",
        "-1",
        "65535",
        "65536",
        "2147483648",
        "1e400",
        ".inf",
        ".nan",
        "0x1F",
        "0o17",
        "1_000",
        "2001-01-01",
        "!!binary AAAA",
        "!!str 5",
        "''",
        "[]",
        "{}",
        "[~]",
        "127.0.0.1",
        "'::1'",
        "'::ffff:127.0.0.1'",
        "'fe80::1%eth0'",
        "0.0.0.0",
        "255.255.255.255",
        "169.254.169.254/32",
        "'::/0'",
        "0.0.0.0/0",
        "None",
        "UDP",
        "SCTP",
        "ExternalName",
        "IPv6",
        "FQDN",
        "99999999999999999999h",
        "drain=",
        "'10.0.0.0/8,'",
    ]);
    prop_oneof![
        2 => known.prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        2 => "\\PC{0,24}".prop_map(|text| Value::String(text).to_string()),
        1 => "[!&*|>%@`:,{}\\[\\]#? a-z0-9.'\"-]{0,12}",
    ]
}

proptest! {
    #[test]
    fn any_scalar_in_any_field_with_and_without_guards(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), scalar()), 1..4), guards: bool,
    ) {
        let mut document = complete();
        let mut paths = Vec::new();
        pointers(&document, "", &mut paths);
        for (number, (path, _)) in changes.iter().enumerate() {
            // One that was inside another that was replaced is gone.
            if let Some(value) = document.pointer_mut(&paths[path.index(paths.len())]) {
                *value = format!("<{number}>").into();
            }
        }
        let mut text = document.to_string();
        for (number, (_, scalar)) in changes.iter().enumerate() {
            text = text.replace(&format!("\"<{number}>\""), &format!(" {scalar} "));
        }
        let scope = Scope { guards: Some(guards), ..Scope::default() };
        let loaded = load_manifests_with(&["-".into()], text.as_bytes(), &scope).unwrap();
        prop_assert!(guards || loaded.refusals.is_empty());
    }
}

#[test]
fn the_complete_manifest_is_good_but_for_its_annotations() {
    let loaded = load(complete().to_string().as_bytes());
    assert_eq!((loaded.report.problems.len(), loaded.report.objects), (7, 2));
    assert_eq!(loaded.snapshot.services().map(|service| service.ports.len()).sum::<usize>(), 2);
}
