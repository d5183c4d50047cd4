//! Does the built `weir explain` give kube-proxy's answer to every golden flow, and say why?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

#[path = "../common/mod.rs"]
mod common;
mod vectors;

use common::texts;
use serde_json::{Value, json};
use std::{fs, process::Output};

/// Runs `weir explain` with these flows in a file.
fn with_flows(flows: impl AsRef<[u8]>, flags: &[String], manifests: &str) -> Output {
    let path = std::env::temp_dir().join(format!("weir-flows-{:x}", rand::random::<u64>()));
    fs::write(&path, flows).unwrap();
    let named = format!("--flows={}", path.display());
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain([&*named]).collect();
    let output = weir(&flags, manifests);
    fs::remove_file(&path).unwrap();
    output
}

fn weir(flags: &[&str], stdin: &str) -> Output {
    common::run(&[&["explain"], flags].concat(), stdin)
}

const WEB: &str = r#"
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: NodePort
  clusterIP: 10.96.0.10
  externalTrafficPolicy: Local
  externalIPs: [203.0.113.7]
  ports: [{ name: http, port: 80, nodePort: 30080 }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints:
- { addresses: [10.244.0.1], nodeName: node-a, zone: z1 }
- { addresses: [10.244.1.1], nodeName: node-b, zone: z2 }
- { addresses: [10.244.1.2], nodeName: node-b, conditions: { ready: false } }
---
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: { name: kubernetes }
spec: { cidrs: [10.96.0.0/16] }
---
apiVersion: v1
kind: Node
metadata: { name: node-a }
status: { addresses: [{ type: InternalIP, address: 192.168.0.2 }] }
"#;

fn explain(flags: &[&str]) -> String {
    let common = ["--manifests", "-", "--node-name", "node-a"];
    let output = weir(&[&common, flags].concat(), WEB);
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    stdout
}

fn explain_json(flags: &[&str]) -> Value {
    serde_json::from_str(&explain(&[flags, &["-o", "json"]].concat())).unwrap()
}

#[test]
fn the_page_says_who_is_served_by_which_endpoints_and_why_not_by_others() {
    let pods = ["--cluster-cidr", "10.244.0.0/16"];
    let flow = ["--from", "10.244.0.1", "--to", "10.96.0.10:80/TCP"];
    let expected = "\
from      10.244.0.1 (pod)
to        10.96.0.10:80/TCP
service   default/web, port http
kind      cluster-ip
policy    internalTrafficPolicy Cluster
verdict   ACCEPT: 2 endpoints are eligible

ENDPOINT          NODE     ZONE   ELIGIBLE        SOURCE
10.244.0.1:8080   node-a   z1     yes             replaced
10.244.1.1:8080   node-b   z2     yes             kept
10.244.1.2:8080   node-b   -      no: not-ready   -
";
    assert_eq!(explain(&[&flow[..], &pods].concat()), expected);
}

#[test]
fn weights_are_shown_where_a_slice_has_another_than_the_default() {
    let labels = "labels: { kubernetes.io/service-name: web }";
    let heavy = WEB.replace(labels, &format!("{labels}, annotations: {{ weir.dev/weight: '300' }}"));
    let flow =
        ["--manifests", "-", "--node-name", "node-a", "--from", "10.244.0.1", "--to", "10.96.0.10:80/TCP"];
    let (page, _) = texts(&weir(&flow, &heavy));
    assert!(page.contains("ELIGIBLE        SOURCE     WEIGHT\n10.244.0.1:8080"), "{page}");
    assert!(page.contains("replaced   300\n"), "{page}");
    let (page, _) = texts(&weir(&flow, &heavy.replace("'300'", "'0'")));
    let why = "of its 3 endpoints 1 is not ready, 2 are in maintenance, as the weight is 0";
    assert!(page.contains(why) && page.contains("no: maintenance"), "{page}");
}

#[test]
fn the_json_names_the_policy_and_the_reasons() {
    let answer = explain_json(&[
        "--from",
        "203.0.113.9",
        "--to",
        "192.168.0.2:30080/TCP",
        "--cluster-cidr",
        "10.244.0.0/16",
    ]);
    let expected = json!({
        "from": "203.0.113.9", "origin": "outside", "to": "192.168.0.2:30080/TCP",
        "verdict": "ACCEPT", "because": "1 endpoint is eligible",
        "service": {
            "namespace": "default", "name": "web", "portName": "http", "kind": "node-port",
            "policy": "externalTrafficPolicy Local", "list": "local",
        },
        "endpoints": [
            { "address": "10.244.0.1:8080", "node": "node-a", "zone": "z1", "eligible": true, "source": "kept" },
            { "address": "10.244.1.1:8080", "node": "node-b", "zone": "z2", "eligible": false, "reason": "other-node" },
            { "address": "10.244.1.2:8080", "node": "node-b", "eligible": false, "reason": "other-node" },
        ],
    });
    assert_eq!(answer, expected);
    let answer = explain_json(&["--from", "192.168.0.2", "--to", "203.0.113.7:80/TCP"]);
    assert_eq!(
        answer["service"]["policy"],
        "externalTrafficPolicy Local, which does not bind the node itself"
    );
    assert_eq!(answer["endpoints"][1]["source"], "replaced");
}

#[test]
fn what_is_no_frontend_is_explained_too() {
    let verdict = |to: &str, flags: &[&str]| {
        let answer = explain_json(&[&["--from", "10.244.0.9", "--to", to], flags].concat());
        format!("{}: {}", answer["verdict"].as_str().unwrap(), answer["because"].as_str().unwrap())
    };
    assert_eq!(verdict("10.96.0.10:81/TCP", &[]), "REJECT: a cluster IP, without this port and protocol");
    assert_eq!(verdict("10.96.0.99:80/TCP", &[]), "DROP: no Service has this address of 10.96.0.0/16");
    assert_eq!(verdict("192.168.0.2:31000/TCP", &[]), "NONE: not an address of a Service");
    // Somebody else's Services may have the other addresses.
    let proxy_name = ["--service-proxy-name", "weir"];
    assert_eq!(verdict("10.96.0.99:80/TCP", &proxy_name), "NONE: not an address of a Service");
}

#[test]
fn what_goes_on_untouched_is_said() {
    let passing = WEB
        .replace(
            "metadata: { name: web }",
            "metadata: { name: web, annotations: { weir.dev/no-local-endpoints: pass } }",
        )
        .replace("nodeName: node-a, zone: z1", "nodeName: node-b, zone: z2");
    let ask = |from, to, flags: &[&str]| {
        let flow = ["--manifests", "-", "--node-name", "node-a", "--cluster-cidr", "10.244.0.0/16"];
        let (stdout, _) = texts(&weir(&[&flow[..], flags, &["--from", from, "--to", to]].concat(), &passing));
        stdout
    };
    let answer = ask("203.0.113.99", "203.0.113.7:80/TCP", &[]);
    assert!(
        answer.contains("NONE: no endpoint may serve here, and weir.dev/no-local-endpoints lets"),
        "{answer}"
    );
    assert!(
        ask("203.0.113.99", "192.168.0.2:30080/TCP", &[]).contains("DROP"),
        "node ports are this node's own"
    );
    assert!(ask("10.244.0.9", "203.0.113.7:80/TCP", &[]).contains("ACCEPT"), "pods are served");
    assert!(ask("203.0.113.99", "203.0.113.7:80/TCP", &["--map", "loopback"]).contains("REJECT"));
}

#[test]
fn node_ports_on_localhost_are_explained() {
    let ask = |addresses| {
        let to = ["--from", "127.0.0.1", "--to", "127.0.0.1:30080/TCP", "--node-port-addresses", addresses];
        explain_json(&to)["verdict"].clone()
    };
    assert_eq!((ask("primary"), ask("0.0.0.0/0")), ("NONE".into(), "NONE".into()));
    assert_eq!((ask("primary,localhost"), ask("all")), ("ACCEPT".into(), "ACCEPT".into()));
}

#[test]
fn what_cannot_be_known_offline_is_said() {
    let notes = |flags: &[&str]| {
        let flow = ["--from", "10.244.0.9", "--to", "10.96.0.10:80/TCP"];
        explain_json(&[&flow[..], flags].concat())["notes"].to_string()
    };
    let bridge = ["--detect-local-mode", "BridgeInterface", "--pod-bridge-interface", "cni0"];
    assert!(notes(&bridge).contains("bridge cni0, which cannot be seen here: the client counts as outside"));
    assert!(notes(&[]).contains("--cluster-cidr"));
    assert_eq!(notes(&["--cluster-cidr", "10.244.0.0/16"]), "null");
    let elsewhere = ["--cluster-cidr", "10.244.0.0/16", "--node-name", "node-b"];
    let flow = ["--manifests", "-", "--from", "10.244.0.9", "--to", "10.96.0.10:80/TCP"];
    let (stdout, _) = texts(&weir(&[&flow[..], &elsewhere].concat(), WEB));
    assert!(stdout.contains("no IPv4 address of node \"node-b\" is known"), "{stdout}");
}

#[test]
fn a_line_that_cannot_be_read_keeps_its_place_and_fails_the_run() {
    let flows = b"10.244.0.9 10.96.0.10:81/TCP\n\nweb 10.96.0.10:80/TCP\n\xff\n10.244.0.9 10.96.0.10:82/TCP";
    let output = with_flows(flows, &["--manifests=-".to_owned(), "--node-name=node-a".to_owned()], WEB);
    let (stdout, stderr) = texts(&output);
    let answers: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((output.status.code(), answers.len()), (Some(1), 4), "{stdout}");
    assert_eq!([&answers[0], &answers[3]], [&json!({ "verdict": "REJECT" }); 2]);
    assert!(answers[1]["error"].as_str().unwrap().contains("IP address"), "{stdout}");
    assert!(stderr.contains(", line 3: must be an IP address") && stderr.contains(", line 4: "), "{stderr}");
}

#[test]
fn a_file_of_flows_that_is_not_there_is_an_error_on_one_line() {
    let output = weir(&["--manifests", "-", "--node-name", "node-a", "--flows", "/nowhere/at-all"], WEB);
    let (stdout, stderr) = texts(&output);
    assert_eq!((output.status.code(), &*stdout, stderr.lines().count()), (Some(1), "", 1), "{stderr}");
    assert!(stderr.contains("/nowhere/at-all"), "{stderr}");
}
