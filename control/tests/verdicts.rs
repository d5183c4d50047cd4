//! Does a flow get what kube-proxy gives it, and are UDP flows forgotten when kube-proxy forgets them?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;
#[path = "verdicts/stale.rs"]
mod stale;

use golden::{cases, event, events};
use k8s_openapi::api::{
    core::v1::{Node as ApiNode, Service},
    discovery::v1::EndpointSlice,
};
use serde_json::{Value, json};
use stale::{StaleFlows, TrackedFlow};
use std::net::{IpAddr, SocketAddr};
use weir_control::Store;
use weir_core::{
    EndpointSet, Frontend, NodePortAddresses, Pods, Snapshot, Traffic,
    verdict::{Cause, Index, Judgement, Network, Outcome},
};

/// The addresses of the vectors' node, primary ones first (conformance/FORMAT.md, "Flow").
const ADDRESSES: [&str; 6] =
    ["192.168.0.2", "2001:db8::1", "192.168.1.2", "2001:db8:1::2", "127.0.0.1", "::1"];

/// The four sources of each flow of form 1, by family.
const SOURCES: [(&str, [&str; 2]); 4] = [
    ("pod", ["10.244.9.9", "fd00:10:244::9:9"]),
    ("node", ["192.168.0.2", "2001:db8::1"]),
    ("ext", ["203.0.113.2", "2001:db8:f::2"]),
    ("blocked", ["203.0.113.130", "2001:db8:f::8002"]),
];

/// All flows of the single-state vectors, each with each of its sources.
const FLOWS: usize = 4999;

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(texts: &[&str]) -> Vec<T> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn snapshot(case: &Value) -> Snapshot {
    let mut store = Store::new(case["node"]["name"].as_str().unwrap());
    let addresses: Vec<Value> =
        ADDRESSES[..2].iter().map(|ip| json!({ "type": "InternalIP", "address": ip })).collect();
    let metadata = json!({ "name": case["node"]["name"], "labels": case["node"]["labels"] });
    store.apply(event::<ApiNode>(&json!({ "metadata": metadata, "status": { "addresses": addresses } })));
    let (services, slices) = (&case["services"], &case["endpointSlices"]);
    let objects = [events::<Service>(services), events::<EndpointSlice>(slices)];
    objects.into_iter().flatten().for_each(|event| store.apply(event));
    let mut snapshot = store.commit().snapshot;
    snapshot.service_cidrs = parsed(&["172.30.0.0/16", "fd00:172:30::/112"]).into();
    snapshot
}

/// Everything that a case's node serves; node ports are unrestricted unless the case says more.
fn index(case: &Value) -> Index {
    let snapshot = snapshot(case);
    let config = &case["config"];
    let everywhere = vec![json!("0.0.0.0/0"), json!("::/0")];
    let networks = config["nodePortAddresses"].as_array().unwrap_or(&everywhere);
    let networks = networks.iter().map(|network| network.as_str().unwrap().parse().unwrap()).collect();
    let pods = match config["noDetectLocal"] == true {
        true => Pods::Unknown,
        false => Pods::Within(parsed(&["10.244.0.0/16", "fd00:10:244::/48"])),
    };
    let mut network = Network::of(
        &snapshot.node,
        parsed(&ADDRESSES).into_iter().collect(),
        &NodePortAddresses::within(networks),
        pods,
        config["masqueradeAll"] == true,
    );
    // kube-proxy 1.36, which gave the answers, serves no node port there.
    network.node_port_addresses.retain(|ip| !ip.is_loopback());
    Index::of(&snapshot, network)
}

fn frontend(address: SocketAddr, protocol: &str) -> Frontend {
    Frontend { protocol: protocol.parse().unwrap(), address }
}

/// A judgement in the vectors' longer form.
fn answer(judgement: &Judgement<'_>) -> Value {
    if judgement.outcome != Outcome::Accept {
        return judgement.outcome.as_str().into();
    }
    let list = |masquerade| {
        let of_kind = judgement.endpoints().filter(|candidate| candidate.masquerade == masquerade);
        of_kind.map(|candidate| candidate.endpoint.address.to_string()).collect::<Vec<_>>()
    };
    json!({ "masq": list(true), "plain": list(false) })
}

/// The vectors' answer in the same form. Words for lists are looked up in the Service port that answers.
fn expected(judgement: &Judgement<'_>, result: &Value) -> Value {
    let words = result.as_str().map(|text| text.split_once('/').unwrap_or((text, "")));
    let traffic = match words {
        Some(("cluster", _)) => Traffic::Cluster,
        Some(("local", _)) => Traffic::Local,
        _ => return result.clone(),
    };
    let Cause::Frontend(matched) = &judgement.cause else { return result.clone() };
    let set = matched.claim.port.endpoints(traffic).into_iter().flat_map(EndpointSet::iter);
    let list = set.map(|endpoint| endpoint.address.to_string()).collect::<Vec<_>>();
    match words {
        Some((_, "masq")) => json!({ "masq": list, "plain": [] }),
        _ => json!({ "masq": [], "plain": list }),
    }
}

/// The sources of a flow, each with the answer.
fn results(flow: &Value, destination: SocketAddr) -> Vec<(IpAddr, &Value)> {
    match flow["src"].as_str() {
        Some(source) => vec![(source.parse().unwrap(), &flow["result"])],
        None => SOURCES
            .iter()
            .map(|(key, ips)| (ips[usize::from(destination.is_ipv6())].parse().unwrap(), &flow[*key]))
            .collect(),
    }
}

#[test]
fn every_golden_flow_gets_kube_proxys_answer() {
    let (mut compared, mut failures) = (0, Vec::new());
    for case in ["curated.json", "random.json"].into_iter().flat_map(cases) {
        let index = index(&case);
        let flows = ["IPv4", "IPv6"].map(|family| case["expect"][family]["flows"].as_array().cloned());
        for flow in flows.into_iter().flatten().flatten() {
            let (destination, protocol) = flow["dst"].as_str().unwrap().split_once('/').unwrap();
            let destination: SocketAddr = destination.parse().unwrap();
            for (source, result) in results(&flow, destination) {
                let judgement = index.judge(source, frontend(destination, protocol));
                let (got, want) = (answer(&judgement), expected(&judgement, result));
                compared += 1;
                if got != want {
                    let flow = format!("{}: {source} to {}", case["id"], flow["dst"]);
                    failures.push(format!("{flow}: want {want}, got {got}"));
                }
            }
        }
    }
    assert_eq!(compared, FLOWS, "flows are missing");
    assert!(failures.is_empty(), "{} of {compared} flows differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_udp_flows_that_kube_proxy_forgets_are_stale_and_no_others() {
    let cases = cases("udp_stale_flows.json");
    assert_eq!(cases.len(), 22, "cases are missing");
    for case in &cases {
        let stale = StaleFlows::of(&snapshot(case));
        let address = |entry: &Value, ip: &str, port: &str| {
            let port = entry[port].as_u64().unwrap().try_into().unwrap();
            SocketAddr::new(entry[ip].as_str().unwrap().parse().unwrap(), port)
        };
        let is_stale = |entry: &Value| {
            let dialled = frontend(address(entry, "origDst", "origPort"), entry["proto"].as_str().unwrap());
            stale.contain(&TrackedFlow { dialled, replies_from: address(entry, "replySrc", "replyPort") })
        };
        let entries = case["entries"].as_array().unwrap().iter().enumerate();
        let deleted: Vec<usize> =
            entries.filter(|(_, entry)| is_stale(entry)).map(|(index, _)| index).collect();
        assert_eq!(json!(deleted), case["deleted"], "{}: {}", case["id"], case["note"]);
    }
}
