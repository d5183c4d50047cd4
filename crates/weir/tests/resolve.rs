//! Does the built `weir resolve` print what kube-proxy would program? Every golden vector, through standard input.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::texts;
use serde_json::{Value, json};
use std::{fs, path::Path, process::Output, thread};

#[test]
fn every_curated_case_is_resolved_as_kube_proxy_does() {
    check("curated.json", 250);
}

#[test]
fn every_random_case_is_resolved_as_kube_proxy_does() {
    check("random.json", 500);
}

fn check(file: &str, at_least: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance").join(file);
    let mut vectors: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let Value::Array(cases) = vectors["cases"].take() else { panic!("no cases in {file}") };
    assert!(cases.len() >= at_least, "vectors are missing");
    let half = cases.len().div_ceil(2);
    let failures: Vec<String> = thread::scope(|scope| {
        let of = |cases: &[Value]| cases.iter().filter_map(mismatch).collect::<Vec<_>>();
        let halves: Vec<_> = cases.chunks(half).map(|cases| scope.spawn(move || of(cases))).collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// Names the case and the first difference.
fn mismatch(case: &Value) -> Option<String> {
    let (id, node) = (&case["id"], case["node"]["name"].as_str().unwrap());
    let output = weir(&["--node-name", node, "-o", "json"], &manifests(case).to_string());
    if !output.status.success() {
        return Some(format!("{id}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let resolved: Value = serde_json::from_slice(&output.stdout).unwrap();
    for family in ["IPv4", "IPv6"] {
        for part in ["ports", "healthChecks"] {
            let empty = json!([]);
            let got = resolved[family].get(part).unwrap_or(&empty);
            let want = case["expect"][family].get(part).unwrap_or(&empty);
            if got != want {
                return Some(format!("{id}: {family} {part}\n  want {want}\n  got  {got}"));
            }
        }
    }
    None
}

/// The case's objects as `kubectl get -o json` would print them.
fn manifests(case: &Value) -> Value {
    let mut items = Vec::new();
    let mut add = |objects: &Value, api_version: &str, kind: &str| {
        for object in objects.as_array().into_iter().flatten() {
            let mut object = object.clone();
            object["apiVersion"] = api_version.into();
            object["kind"] = kind.into();
            items.push(object);
        }
    };
    add(&case["services"], "v1", "Service");
    add(&case["endpointSlices"], "discovery.k8s.io/v1", "EndpointSlice");
    let node = &case["node"];
    if node["name"] != "" {
        let metadata = json!({ "name": node["name"], "labels": node["labels"] });
        add(&json!([{ "metadata": metadata }]), "v1", "Node");
    }
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

fn weir(arguments: &[&str], stdin: &str) -> Output {
    common::run(&[&["resolve", "--manifests", "-"], arguments].concat(), stdin)
}

const WEB: &str = r#"
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations: { weir.dev/balance: maglev }
spec:
  type: NodePort
  clusterIP: 10.96.0.10
  externalTrafficPolicy: Local
  externalIPs: [203.0.113.7, nonsense]
  ports: [{ name: http, port: 80, nodePort: 30080 }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints:
- { addresses: [10.244.0.1], nodeName: node-b }
- { addresses: [10.244.0.2], nodeName: node-b }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
---
apiVersion: v1
kind: Node
metadata: { name: node-a }
status: { addresses: [{ type: InternalIP, address: 192.168.0.2 }] }
"#;

#[test]
fn the_table_has_a_row_for_each_address_a_client_may_dial() {
    let output = weir(&["--node-name", "node-a"], WEB);
    let expected = "\
NAMESPACE   SERVICE   PORT   PROTOCOL   KIND          ADDRESS             BALANCE   CLUSTER/LOCAL   ENDPOINTS
default     web       http   TCP        cluster-ip    10.96.0.10:80       maglev    2/0             10.244.0.1:8080,10.244.0.2:8080
default     web       http   TCP        external-ip   203.0.113.7:80      maglev    2/0             10.244.0.1:8080,10.244.0.2:8080 (this node only)
default     web       http   TCP        node-port     192.168.0.2:30080   maglev    2/0             10.244.0.1:8080,10.244.0.2:8080 (this node only)
";
    assert_eq!(texts(&output).0, expected);
    let output = weir(&["--node-name", "node-a", "--node-port-addresses", "10.0.0.0/8"], WEB);
    assert!(texts(&output).0.contains("10.0.0.0/8:30080"));
}

#[test]
fn a_wide_table_has_every_endpoint_and_the_policy_of_each_address() {
    let four = WEB.replace(
        "- { addresses: [10.244.0.2], nodeName: node-b }",
        "- { addresses: [10.244.0.2] }\n\
                           - { addresses: [10.244.0.3] }\n- { addresses: [10.244.0.4] }",
    );
    let table = |format: &str| texts(&weir(&["--node-name", "node-a", "-o", format], &four)).0;
    assert!(table("table").contains(" + 1 more"), "{}", table("table"));
    let wide = table("wide");
    assert!(wide.contains("10.244.0.3:8080,10.244.0.4:8080") && !wide.contains("more"), "{wide}");
    let policies: Vec<&str> = wide.lines().map(|line| line.split_whitespace().nth(6).unwrap()).collect();
    assert_eq!(policies, ["POLICY", "Cluster", "Local", "Local"]);
}

#[test]
fn yaml_says_what_json_says() {
    let document = |format: &str| texts(&weir(&["--node-name", "node-a", "-o", format], WEB)).0;
    let json: Value = serde_json::from_str(&document("json")).unwrap();
    assert_eq!(json, serde_saphyr::from_str::<Value>(&document("yaml")).unwrap());
    assert!(document("yaml").starts_with("IPv4:"), "{}", document("yaml"));
}

#[test]
fn one_namespace_is_shown_and_one_that_nothing_is_in_is_wrong_usage_with_the_nearest() {
    let shop = WEB
        .replace("name: web", "namespace: shop, name: web")
        .replace("metadata:\n  namespace: shop, name: web", "metadata:\n  namespace: shop\n  name: web")
        .replace("10.96.0.10", "10.96.0.11")
        .replace("203.0.113.7", "203.0.113.8")
        .replace("30080", "30081");
    let both = format!("{WEB}---\n{shop}");
    let shown = |flags: &[&str]| weir(&[&["--node-name", "node-a"], flags].concat(), &both);
    let (all, one) = (texts(&shown(&["-A"])).0, texts(&shown(&["-n", "shop"])).0);
    assert!(all.contains("10.96.0.10:80") && all.contains("10.96.0.11:80"), "{all}");
    assert!(!one.contains("10.96.0.10:80") && one.contains("10.96.0.11:80"), "{one}");
    let (json, _) = texts(&shown(&["-n", "shop", "-o", "json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["IPv4"]["ports"].as_array().unwrap().len(), 1);
    let refused = shown(&["-n", "shpo"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(texts(&refused).1.contains("did you mean \"shop\"?"), "{}", texts(&refused).1);
    assert_eq!(shown(&["-A", "-n", "shop"]).status.code(), Some(2));
}

#[test]
fn a_part_that_is_left_out_is_a_warning_and_exit_code_0() {
    let output = weir(&["--node-name", "node-a", "-o", "json"], WEB);
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr.starts_with("warning: ") && stderr.contains("spec.externalIPs[1]"), "{stderr}");
    assert!(stderr.contains("\nnote: 1 x apps/v1 Deployment"), "{stderr}");
}

#[test]
fn with_guards_external_ips_are_shown_where_they_are_allowed_and_else_said_to_be_refused() {
    let guarded = |more: &[&str]| {
        let flags = [&["--node-name", "node-a", "--guards"], more].concat();
        texts(&weir(&flags, WEB))
    };
    let (stdout, stderr) = guarded(&[]);
    assert!(!stdout.contains("203.0.113.7"), "{stdout}");
    assert!(stderr.contains("spec.externalIPs: 203.0.113.7 is not served"), "{stderr}");
    let (stdout, stderr) = guarded(&["--allow-external-ips", "203.0.113.0/24"]);
    assert!(stdout.contains("203.0.113.7:80") && !stderr.contains("203.0.113.7"), "{stdout}{stderr}");
}

#[test]
fn with_guards_endpoints_that_are_node_ports_of_nodes_in_the_manifests_are_said_to_be_refused() {
    let node_b = "---\napiVersion: v1\nkind: Node\nmetadata: { name: node-b }\n\
                  status: { addresses: [{ type: InternalIP, address: 192.168.0.3 }] }\n";
    let web = WEB.replace("10.244.0.1", "192.168.0.3").replace("port: 8080", "port: 30080");
    let resolved = |flags: &[&str]| texts(&weir(flags, &format!("{web}{node_b}")));
    let (stdout, stderr) = resolved(&["--node-name", "node-a", "--guards", "-o", "json"]);
    assert!(stderr.contains("endpoints: 192.168.0.3 is not dialled: it is a Node's"), "{stderr}");
    assert!(!stdout.contains("192.168.0.3:30080") && stdout.contains("10.244.0.2:30080"), "{stdout}");
    let (stdout, stderr) = resolved(&["--node-name", "node-a", "-o", "json"]);
    assert!(stdout.contains("192.168.0.3:30080") && !stderr.contains("192.168.0.3"), "{stdout}{stderr}");
}

#[test]
fn a_refused_object_or_document_is_an_error_and_exit_code_1_but_the_rest_is_printed() {
    let bad_port = "apiVersion: v1\nkind: Service\nmetadata: { name: bad }\n\
                    spec: { clusterIP: 10.96.0.11, ports: [{ port: 70000 }] }\n";
    for (bad, said) in [(bad_port, "spec.ports[0].port"), ("a: [\n", "document 5")] {
        let output = weir(&["--node-name", "node-a", "-o", "json"], &format!("{WEB}---\n{bad}"));
        let (stdout, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("error: standard input") && stderr.contains(said), "{stderr}");
        assert!(stdout.contains("10.96.0.10"), "{stdout}");
    }
}

#[test]
fn manifests_that_are_not_there_are_an_error_on_one_line() {
    let output = common::run(&["resolve", "--manifests", "/nowhere/at-all"], "");
    let (stdout, stderr) = texts(&output);
    assert_eq!((output.status.code(), &*stdout, stderr.lines().count()), (Some(1), "", 1), "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.contains("/nowhere/at-all"), "{stderr}");
}
