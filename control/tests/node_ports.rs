//! Are endpoints that are node ports of Nodes refused, and judged again when Nodes, node ports or endpoints change?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::event;
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use proptest::prelude::*;
use serde_json::json;
use weir_control::{Commit, Event, Kind, ObjectKey, Store};
use weir_core::{
    EndpointSet, ServiceKey,
    guards::{GuardRules, Refusal},
};

fn node(name: &str, ip: &str) -> Event {
    event::<Node>(&json!({
        "metadata": { "name": name },
        "status": { "addresses": [
            { "type": "InternalIP", "address": ip }, { "type": "ExternalIP", "address": "203.0.113.9" },
        ] },
    }))
}

fn service(name: &str, cluster_ip: &str, node_port: Option<u16>) -> Event {
    event::<Service>(&json!({
        "metadata": { "name": name },
        "spec": {
            "type": if node_port.is_some() { "NodePort" } else { "ClusterIP" },
            "clusterIP": cluster_ip, "ports": [{ "port": 80, "nodePort": node_port }],
        },
    }))
}

fn slice(service: &str, port: u16, addresses: &[&str]) -> Event {
    let endpoints: Vec<_> = addresses.iter().map(|address| json!({ "addresses": [address] })).collect();
    event::<EndpointSlice>(&json!({
        "metadata": { "name": format!("{service}-1"), "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4", "ports": [{ "name": "", "port": port }], "endpoints": endpoints,
    }))
}

/// A store that minds nothing else about addresses of nodes.
fn store() -> Store {
    Store::new("node-a").with_guards(Some(GuardRules { allow_node_endpoints: true, ..GuardRules::default() }))
}

/// The endpoints of Service `web`.
fn endpoints(commit: &Commit) -> Vec<String> {
    let served = commit.snapshot.get(&ServiceKey::new("default", "web")).unwrap();
    let endpoints = served.ports[0].cluster.iter().flat_map(EndpointSet::iter);
    endpoints.map(|endpoint| endpoint.address.to_string()).collect()
}

fn gone(kind: Kind, name: &str) -> Event {
    let namespace = if kind == Kind::Node { "" } else { "default" };
    Event::Delete(ObjectKey::new(kind, namespace, name))
}

#[test]
fn an_endpoint_at_a_node_port_of_a_node_is_refused_and_told() {
    let mut store = store();
    let events = [
        node("node-a", "192.0.2.1"),
        node("node-b", "192.0.2.2"),
        service("web", "10.96.0.10", None),
        service("other", "10.96.0.11", Some(30080)),
        slice("web", 30080, &["192.0.2.1", "192.0.2.2", "192.0.2.3", "203.0.113.9"]),
    ];
    events.into_iter().for_each(|event| store.apply(event));
    let commit = store.commit();
    assert_eq!(endpoints(&commit), ["192.0.2.3:30080", "203.0.113.9:30080"]);
    assert_eq!(commit.refusals.len(), 1);
    let problems = commit.refusals[0].problems();
    let told: Vec<_> = problems.iter().map(|((_, reason), problem)| (*reason, problem.to_string())).collect();
    let said = "Service default/web: endpoints: 192.0.2.1 (and 1 more) is not dialled: it is a Node's, at the node port of a \
                Service: connections would go round between nodes; name the pods or that Service's cluster IP in the \
                EndpointSlice";
    assert_eq!(told, [(Refusal::NodePort, said.to_owned())]);
}

#[test]
fn other_ports_of_nodes_are_endpoints_as_host_network_pods_have() {
    let mut store = store();
    let events = [
        node("node-b", "192.0.2.2"),
        service("web", "10.96.0.10", Some(30080)),
        slice("web", 8080, &["192.0.2.2"]),
    ];
    events.into_iter().for_each(|event| store.apply(event));
    assert_eq!(endpoints(&store.commit()), ["192.0.2.2:8080"]);
}

#[test]
fn a_change_of_nodes_or_node_ports_judges_only_services_with_endpoints_there() {
    let mut store = store();
    for number in 0..100_u8 {
        let name = format!("pods-{number}");
        store.apply(service(&name, &format!("10.96.1.{number}"), None));
        store.apply(slice(&name, 8080, &["10.244.0.1"]));
    }
    store.apply(service("web", "10.96.0.10", None));
    store.apply(slice("web", 30080, &["192.0.2.2"]));
    store.apply(node("node-a", "192.0.2.1"));
    assert_eq!(endpoints(&store.commit()), ["192.0.2.2:30080"]);
    let mut changes = |events: &[Event]| {
        events.iter().cloned().for_each(|event| store.apply(event));
        let commit = store.commit();
        (endpoints(&commit).len(), commit.visited)
    };
    let other = || service("other", "10.96.0.11", Some(30080));
    assert_eq!(changes(&[node("node-b", "192.0.2.2")]), (1, 0), "nobody has a node port");
    assert_eq!(changes(&[other()]), (0, 2));
    assert_eq!(changes(&[node("node-b", "192.0.2.7")]), (1, 1));
    assert_eq!(changes(&[node("node-c", "192.0.2.2")]), (0, 1));
    assert_eq!(changes(&[gone(Kind::Node, "node-c")]), (1, 1));
    assert_eq!(changes(&[node("node-a", "192.0.2.2")]), (0, 1));
    assert_eq!(changes(&[gone(Kind::Node, "node-a")]), (0, 0), "the own node keeps its last form");
    assert_eq!(changes(&[gone(Kind::Service, "other")]), (1, 2));
    assert_eq!(changes(&[other()]), (0, 2));
    assert_eq!(changes(&[slice("web", 30081, &["192.0.2.2"])]), (1, 1));
    assert_eq!(changes(&[gone(Kind::EndpointSlice, "web-1"), other()]), (0, 2));
}

#[test]
fn without_guards_nothing_is_refused() {
    let mut store = Store::new("node-a");
    let events = [
        node("node-a", "192.0.2.1"),
        service("web", "10.96.0.10", Some(30080)),
        slice("web", 30080, &["192.0.2.1"]),
    ];
    events.into_iter().for_each(|event| store.apply(event));
    assert_eq!(endpoints(&store.commit()), ["192.0.2.1:30080"]);
}

fn change() -> impl Strategy<Value = Event> {
    let name = prop::sample::select(vec!["web", "other"]);
    let node_name = prop::sample::select(vec!["node-a", "node-b"]);
    let ip = || prop::sample::select(vec!["192.0.2.1", "192.0.2.2", "10.244.0.1"]);
    let port = || prop::sample::select(vec![30080_u16, 30081, 8080]);
    let cluster_ip = |name: &str| if name == "web" { "10.96.0.10" } else { "10.96.0.11" };
    prop_oneof![
        (node_name, ip()).prop_map(|(name, ip)| node(name, ip)),
        Just(gone(Kind::Node, "node-b")),
        (name.clone(), prop::option::of(port())).prop_map(move |(name, port)| service(
            name,
            cluster_ip(name),
            port
        )),
        name.clone().prop_map(|name| gone(Kind::Service, name)),
        (name.clone(), port(), ip(), ip()).prop_map(|(name, port, a, b)| slice(name, port, &[a, b])),
        name.prop_map(|name| gone(Kind::EndpointSlice, &format!("{name}-1"))),
    ]
}

proptest! {
    #[test]
    fn whatever_changes_the_outcome_is_as_if_all_had_come_at_once(changes in prop::collection::vec(change(), 1..40)) {
        let (mut step_by_step, mut at_once) = (store(), store());
        for change in &changes {
            step_by_step.apply(change.clone());
            step_by_step.commit();
            at_once.apply(change.clone());
        }
        let [a, b] = [step_by_step.commit(), at_once.commit()].map(|commit| commit.snapshot);
        for name in ["web", "other"] {
            let key = ServiceKey::new("default", name);
            prop_assert_eq!(a.get(&key), b.get(&key));
        }
    }
}
