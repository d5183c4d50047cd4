//! Are endpoints at this node's own addresses dialled only where a pod on the host network is known there?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::event;
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{collections::BTreeSet, net::IpAddr};
use weir_control::{Commit, Event, Store};
use weir_core::{
    EndpointSet, ServiceKey,
    guards::{GuardRules, Refusal, Role},
};

fn service(name: &str) -> Event {
    event::<Service>(&json!({
        "metadata": { "name": name },
        "spec": { "clusterIP": "10.96.0.10", "ports": [{ "port": 80 }] },
    }))
}

fn node(internal_ips: &[&str]) -> Event {
    let addresses = internal_ips.iter().map(|ip| json!({ "type": "InternalIP", "address": ip }));
    event::<Node>(&json!({
        "metadata": { "name": "node-a" }, "status": { "addresses": addresses.collect::<Vec<_>>() },
    }))
}

fn slice(service: &str, endpoints: &[Value]) -> Event {
    event::<EndpointSlice>(&json!({
        "metadata": { "name": format!("{service}-1"), "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4", "ports": [{ "name": "", "port": 8080 }], "endpoints": endpoints,
    }))
}

/// An endpoint as the EndpointSlice controller writes it for a pod.
fn pod(ip: &str, node: &str) -> Value {
    json!({ "addresses": [ip], "nodeName": node, "targetRef": { "kind": "Pod", "name": "web-0", "namespace": "default" } })
}

/// An endpoint as somebody writes it.
fn bare(ip: &str) -> Value {
    json!({ "addresses": [ip] })
}

fn ips(texts: &[&str]) -> BTreeSet<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A store of node-a, whose host has these addresses.
fn store(host: &[&str]) -> Store {
    Store::new("node-a").with_guards(Some(GuardRules { host: ips(host), ..GuardRules::default() }))
}

fn endpoints(commit: &Commit, service: &str) -> Vec<String> {
    let served = commit.snapshot.get(&ServiceKey::new("default", service)).unwrap();
    let endpoints = served.ports[0].cluster.iter().flat_map(EndpointSet::iter);
    endpoints.map(|endpoint| endpoint.address.ip().to_string()).collect()
}

fn refused(commit: &Commit) -> Vec<(Role, Refusal, String)> {
    let all = commit.refusals.iter().flat_map(|refusals| &refusals.refused);
    all.map(|&(role, reason, ip)| (role, reason, ip.to_string())).collect()
}

#[test]
fn only_a_pod_on_the_host_network_is_dialled_at_an_address_of_the_node_and_the_log_says_what_to_do() {
    let mut store = store(&["192.0.2.2", "172.17.0.1"]);
    store.apply(node(&["192.0.2.2"]));
    store.apply(service("web"));
    for (endpoint, served) in [
        (pod("192.0.2.2", "node-a"), true),
        (pod("192.0.2.3", "node-b"), true),
        (bare("192.0.2.3"), true),
        (bare("192.0.2.2"), false),
        (pod("192.0.2.2", "node-b"), false),
        (json!({ "addresses": ["192.0.2.2"], "nodeName": "node-a" }), false),
        (
            json!({ "addresses": ["192.0.2.2"], "nodeName": "node-a", "targetRef": { "kind": "Node", "name": "node-a" } }),
            false,
        ),
        (bare("172.17.0.1"), false),
        (pod("172.17.0.1", "node-a"), false),
    ] {
        store.apply(slice("web", &[endpoint.clone(), bare("10.244.0.1")]));
        let commit = store.commit();
        let expected = [Some("10.244.0.1"), endpoint["addresses"][0].as_str().filter(|_| served)];
        assert_eq!(
            endpoints(&commit, "web"),
            expected.into_iter().flatten().collect::<Vec<_>>(),
            "{endpoint}"
        );
    }
    store.apply(slice("web", &[bare("192.0.2.2")]));
    let commit = store.commit();
    assert!(
        !commit.snapshot.get(&ServiceKey::new("default", "web")).unwrap().ports[0].has_any,
        "it never was one"
    );
    let problem = commit.refusals[0].problems().into_values().next().unwrap().to_string();
    assert!(
        problem.starts_with("Service default/web: endpoints: 192.0.2.2 is not dialled: it is an address of"),
        "{problem}"
    );
    assert!(problem.contains("--allow-node-endpoints"), "{problem}");
}

#[test]
fn the_operator_may_allow_all_of_them_and_manifests_are_the_operators_own() {
    let rules = GuardRules { allow_node_endpoints: true, ..GuardRules::default() };
    for rules in [Some(rules), None] {
        let mut store = Store::new("node-a").with_guards(rules);
        store.apply(node(&["192.0.2.2"]));
        store.apply(service("web"));
        store.apply(slice("web", &[bare("192.0.2.2")]));
        assert_eq!(endpoints(&store.commit(), "web"), ["192.0.2.2"]);
    }
}

#[test]
fn the_api_server_may_be_on_the_node() {
    let mut store = store(&["192.0.2.2"]);
    store.apply(node(&["192.0.2.2"]));
    store.apply(service("kubernetes"));
    store.apply(slice("kubernetes", &[bare("192.0.2.2")]));
    let commit = store.commit();
    assert_eq!((endpoints(&commit, "kubernetes"), refused(&commit)), (vec!["192.0.2.2".to_owned()], vec![]));
}

#[test]
fn an_ipv6_address_that_stands_for_an_address_of_the_node_is_judged_as_that() {
    let mut store = store(&["192.0.2.2"]);
    store.apply(event::<Service>(&json!({
        "metadata": { "name": "web" },
        "spec": { "clusterIP": "fd00:96::10", "ipFamilies": ["IPv6"], "ports": [{ "port": 80 }] },
    })));
    store.apply(event::<EndpointSlice>(&json!({
        "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv6", "ports": [{ "name": "", "port": 8080 }],
        "endpoints": [pod("64:ff9b::192.0.2.2", "node-a"), bare("2002:c000:202::1"), bare("64:ff9b::192.0.2.3")],
    })));
    assert_eq!(endpoints(&store.commit(), "web"), ["64:ff9b::c000:203"]);
}

#[test]
fn a_change_of_the_nodes_addresses_costs_the_services_that_it_concerns() {
    let mut store = store(&[]);
    for number in 0..100 {
        let name = format!("other-{number}");
        store.apply(service(&name));
        store.apply(slice(&name, &[bare("10.244.0.1")]));
    }
    store.apply(service("web"));
    store.apply(slice("web", &[bare("192.0.2.2")]));
    store.commit();
    store.apply(node(&["192.0.2.2"]));
    let commit = store.commit();
    assert_eq!((commit.visited, endpoints(&commit, "web")), (1, vec![]));
    assert_eq!(refused(&commit), [(Role::Endpoint, Refusal::Node, "192.0.2.2".to_owned())]);
    store.apply(node(&["192.0.2.3"]));
    let commit = store.commit();
    assert_eq!((commit.visited, endpoints(&commit, "web")), (1, vec!["192.0.2.2".to_owned()]));
    store.set_host_addresses(ips(&["192.0.2.2", "192.0.2.3"]));
    let commit = store.commit();
    assert_eq!((commit.visited, endpoints(&commit, "web")), (1, vec![]), "an interface has it now");
    store.set_host_addresses(ips(&["192.0.2.3"]));
    assert_eq!(endpoints(&store.commit(), "web"), ["192.0.2.2"]);
    store.set_host_addresses(ips(&["192.0.2.3"]));
    let commit = store.commit();
    assert_eq!((commit.visited, commit.changed), (0, false), "nothing has changed");
}

/// One of a few objects in one of a few forms, or other addresses of the host.
#[derive(Clone, Debug)]
enum Change {
    Object(Event),
    Host(BTreeSet<IpAddr>),
}

fn change() -> impl Strategy<Value = Change> {
    let address = || prop::sample::select(&["192.0.2.1", "192.0.2.2", "192.0.2.3"][..]);
    let name = || prop::sample::select(&["web", "api", "kubernetes"][..]);
    let endpoint = (address(), prop::sample::select(&["node-a", "node-b", ""][..]))
        .prop_map(|(ip, node)| if node.is_empty() { bare(ip) } else { pod(ip, node) });
    prop_oneof![
        2 => name().prop_map(|name| Change::Object(service(name))),
        4 => (name(), prop::collection::vec(endpoint, 0..3)).prop_map(|(name, all)| Change::Object(slice(name, &all))),
        2 => prop::collection::vec(address(), 0..2).prop_map(|all| Change::Object(node(&all))),
        2 => prop::collection::vec(address(), 0..2).prop_map(|all| Change::Host(ips(&all))),
    ]
}

proptest! {
    #[test]
    fn what_is_dialled_follows_from_objects_and_addresses_and_not_from_their_order(
        changes in prop::collection::vec((change(), any::<bool>()), 1..30),
    ) {
        let [mut gradual, mut at_once] = [(); 2].map(|()| store(&[]));
        for (change, commit) in changes {
            for (store, commits) in [(&mut gradual, commit), (&mut at_once, false)] {
                match change.clone() {
                    Change::Object(event) => store.apply(event),
                    Change::Host(addresses) => store.set_host_addresses(addresses),
                }
                if commits {
                    store.commit();
                }
            }
        }
        prop_assert_eq!(gradual.commit().snapshot, at_once.commit().snapshot);
    }
}
