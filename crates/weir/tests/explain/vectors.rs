//! Does every golden flow get kube-proxy's answer?

use crate::{common::texts, with_flows};
use serde_json::{Value, json};
use std::{fs, path::Path, thread};

/// The node and its cluster's network in the vectors (conformance/FORMAT.md, "Flow").
const NETWORK: [&str; 4] = [
    "--node-addresses=192.168.0.2,2001:db8::1,192.168.1.2,2001:db8:1::2",
    "--cluster-cidr=10.244.0.0/16,fd00:10:244::/48",
    "--service-cidr=172.30.0.0/16,fd00:172:30::/112",
    "--manifests=-",
];

/// The four sources of each flow of form 1, by family.
const SOURCES: [(&str, [&str; 2]); 4] = [
    ("pod", ["10.244.9.9", "fd00:10:244::9:9"]),
    ("node", ["192.168.0.2", "2001:db8::1"]),
    ("ext", ["203.0.113.2", "2001:db8:f::2"]),
    ("blocked", ["203.0.113.130", "2001:db8:f::8002"]),
];

#[test]
fn every_golden_flow_is_explained_as_kube_proxy_does_it() {
    let cases: Vec<Value> = ["curated.json", "random.json"].into_iter().flat_map(cases).collect();
    let half = cases.len().div_ceil(2);
    let (compared, failures): (Vec<usize>, Vec<Vec<String>>) = thread::scope(|scope| {
        let of = |cases: &[Value]| {
            let checked: Vec<_> = cases.iter().map(check).collect();
            let compared = checked.iter().map(|(compared, _)| compared).sum::<usize>();
            (compared, checked.into_iter().flat_map(|(_, failures)| failures).collect::<Vec<_>>())
        };
        let halves: Vec<_> = cases.chunks(half).map(|cases| scope.spawn(move || of(cases))).collect();
        halves.into_iter().map(|half| half.join().unwrap()).unzip()
    });
    let (compared, failures) = (compared.iter().sum::<usize>(), failures.concat());
    assert_eq!(compared, 4999, "flows are missing");
    assert!(failures.is_empty(), "{} of {compared} flows differ:\n{}", failures.len(), failures.join("\n"));
}

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance").join(file);
    let mut vectors: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let Value::Array(cases) = vectors["cases"].take() else { panic!("no cases in {file}") };
    cases
}

/// Asks about all flows of a case at once. Returns how many there are, and what differs.
fn check(case: &Value) -> (usize, Vec<String>) {
    let questions = questions(case);
    if questions.is_empty() {
        return (0, Vec::new());
    }
    let lines: String = questions.iter().map(|(flow, _)| format!("{flow}\n")).collect();
    let output = with_flows(&lines, &flags(case), &manifests(case).to_string());
    let (stdout, stderr) = texts(&output);
    if !output.status.success() {
        return (questions.len(), vec![format!("{}: {stderr}", case["id"])]);
    }
    let answers: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len(), "{}", case["id"]);
    let differing = questions.iter().zip(&answers).filter(|((flow, want), got)| {
        // kube-proxy 1.36, which gave the answers, serves no node port on localhost, even where it is named.
        want != *got
            && !(names_localhost(case) && [" 127.0.0.1:", " [::1]:"].iter().any(|to| flow.contains(to)))
    });
    let told = |((flow, want), got): (&(String, Value), &Value)| {
        format!("{}: {flow}: want {want}, got {got}", case["id"])
    };
    (questions.len(), differing.map(told).collect())
}

/// Whether node ports are asked for on localhost.
fn names_localhost(case: &Value) -> bool {
    let networks = case["config"]["nodePortAddresses"].as_array().into_iter().flatten();
    networks.filter_map(Value::as_str).any(|network| network.starts_with("127.") || network == "::1/128")
}

/// Each flow of a case as a line, with the answer.
fn questions(case: &Value) -> Vec<(String, Value)> {
    let mut questions = Vec::new();
    for (index, family) in ["IPv4", "IPv6"].into_iter().enumerate() {
        let expect = &case["expect"][family];
        for flow in expect["flows"].as_array().into_iter().flatten() {
            let dialled = flow["dst"].as_str().unwrap();
            let unit = unit(expect, dialled);
            let mut ask = |source: &str, result: &Value| {
                questions.push((format!("{source} {dialled}"), wanted(result, unit)));
            };
            match flow["src"].as_str() {
                Some(source) => ask(source, &flow["result"]),
                None => SOURCES.iter().for_each(|(key, ips)| ask(ips[index], &flow[*key])),
            }
        }
    }
    questions
}

/// The Service port of the vectors that a destination belongs to; addresses are unique.
fn unit<'a>(expect: &'a Value, dialled: &str) -> Option<&'a Value> {
    let (address, protocol) = dialled.split_once('/').unwrap();
    let (ip, port) = address.rsplit_once(':').unwrap();
    let (ip, port) = (ip.trim_matches(['[', ']']), port.parse::<u16>().unwrap());
    let units = || expect["ports"].as_array().into_iter().flatten().filter(|unit| unit["proto"] == protocol);
    let lists = |unit: &Value, key: &str| unit[key].as_array().is_some_and(|ips| ips.contains(&json!(ip)));
    let own = |unit: &&Value| {
        unit["port"] == port && (unit["ip"] == ip || lists(unit, "externalIPs") || lists(unit, "lbVIPs"))
    };
    units().find(own).or_else(|| units().find(|unit| unit["nodePort"] == port))
}

/// A vectors' answer in the form of `--flows`.
fn wanted(result: &Value, unit: Option<&Value>) -> Value {
    let accept = |masq: &Value, plain: &Value| json!({ "verdict": "ACCEPT", "masq": masq, "plain": plain });
    let Some(word) = result.as_str() else { return accept(&result["masq"], &result["plain"]) };
    match word.split_once('/').unwrap_or((word, "")) {
        (list @ ("cluster" | "local"), "masq") => accept(&unit.unwrap()[list], &json!([])),
        (list @ ("cluster" | "local"), _) => accept(&json!([]), &unit.unwrap()[list]),
        (verdict, _) => json!({ "verdict": verdict }),
    }
}

fn flags(case: &Value) -> Vec<String> {
    let config = &case["config"];
    let mut flags: Vec<String> = NETWORK.iter().map(ToString::to_string).collect();
    let networks = match config["nodePortAddresses"].as_array() {
        Some(networks) => {
            networks.iter().map(|network| network.as_str().unwrap()).collect::<Vec<_>>().join(",")
        }
        None => "0.0.0.0/0,::/0".to_owned(),
    };
    flags.push(format!("--node-port-addresses={networks}"));
    flags.push(format!("--node-name={}", case["node"]["name"].as_str().unwrap()));
    flags.push(format!("--masquerade-all={}", config["masqueradeAll"] == true));
    flags.extend((config["noDetectLocal"] == true).then(|| "--detect-local-mode=none".to_owned()));
    flags
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
        add(&json!([{ "metadata": { "name": node["name"], "labels": node["labels"] } }]), "v1", "Node");
    }
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}
