//! Which external IPs are served, and are they and load-balancer IPs judged again when what they depend on changes?
//! (CVE-2020-8554)

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::event;
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
    networking::v1::ServiceCIDR,
};
use proptest::prelude::*;
use serde_json::json;
use std::{collections::BTreeMap, net::IpAddr};
use weir_control::{Commit, Event, Kind, ObjectKey, Store};
use weir_core::{
    ServiceKey,
    guards::{GuardRules, Refusal, VirtualIps},
};

fn service(name: &str, cluster_ip: &str, external_ips: &[&str]) -> Event {
    event::<Service>(&json!({
        "metadata": { "name": name },
        "spec": { "clusterIP": cluster_ip, "ports": [{ "port": 443 }], "externalIPs": external_ips },
    }))
}

fn balanced(name: &str, cluster_ip: &str, ips: &[&str]) -> Event {
    let ingress: Vec<_> = ips.iter().map(|ip| json!({ "ip": ip })).collect();
    event::<Service>(&json!({
        "metadata": { "name": name },
        "spec": { "type": "LoadBalancer", "clusterIP": cluster_ip, "ports": [{ "port": 443 }] },
        "status": { "loadBalancer": { "ingress": ingress } },
    }))
}

fn node(internal_ip: &str) -> Event {
    event::<Node>(&json!({
        "metadata": { "name": "node-a" },
        "status": { "addresses": [{ "type": "InternalIP", "address": internal_ip }] },
    }))
}

fn slice(service: &str, addresses: &[&str]) -> Event {
    let endpoints: Vec<_> = addresses.iter().map(|address| json!({ "addresses": [address] })).collect();
    event::<EndpointSlice>(&json!({
        "metadata": { "name": format!("{service}-1"), "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4", "ports": [{ "name": "", "port": 6443 }], "endpoints": endpoints,
    }))
}

/// A guarded store that allows external IPs in these networks, with a Service that wants the address.
fn store(allowed: &[&str], wanted: &str) -> Store {
    let allowed_external_ips = allowed.iter().map(|text| text.parse().unwrap()).collect();
    let virtual_ips = VirtualIps { allowed_external_ips, ..VirtualIps::default() };
    let rules = GuardRules { virtual_ips, ..GuardRules::default() };
    let mut store = Store::new("node-a").with_guards(Some(rules));
    store.apply(service("web", "10.96.0.10", &[wanted]));
    store
}

/// Where Service `web` is served beside its cluster IP.
fn served(commit: &Commit) -> Vec<String> {
    let served = commit.snapshot.get(&ServiceKey::new("default", "web")).unwrap();
    served.ports[0].external_ips.iter().map(IpAddr::to_string).collect()
}

/// Why external IPs of Service `web` are newly refused.
fn reported(commit: &Commit) -> Vec<Refusal> {
    commit.refusals.iter().flat_map(|refusals| &refusals.new).map(|&(_, reason, _)| reason).collect()
}

#[test]
fn without_an_allow_list_no_external_ip_is_served_and_the_log_says_what_to_do() {
    let commit = store(&[], "203.0.113.7").commit();
    assert_eq!((served(&commit), reported(&commit)), (vec![], vec![Refusal::NotAllowed]));
    let problems: Vec<_> = commit.refusals[0].problems().into_values().collect();
    let text = problems[0].to_string();
    assert!(text.starts_with("Service default/web: spec.externalIPs: 203.0.113.7 is not served"), "{text}");
    assert!(text.contains("--allow-external-ips") && text.contains("CVE-2020-8554"), "{text}");
}

#[test]
fn an_external_ip_in_the_allow_list_is_served() {
    let commit = store(&["203.0.113.0/24"], "203.0.113.7").commit();
    assert_eq!((served(&commit), reported(&commit)), (vec!["203.0.113.7".to_owned()], vec![]));
}

#[test]
fn without_guards_every_external_ip_is_served() {
    let mut store = Store::new("node-a");
    store.apply(node("203.0.113.7"));
    store.apply(service("web", "10.96.0.10", &["203.0.113.7"]));
    assert_eq!(served(&store.commit()), ["203.0.113.7"]);
}

#[test]
fn the_nodes_own_address_is_no_external_ip_as_soon_as_the_node_has_it() {
    let mut store = store(&["192.0.2.0/24"], "192.0.2.2");
    assert_eq!(served(&store.commit()), ["192.0.2.2"]);
    store.apply(node("192.0.2.2"));
    let commit = store.commit();
    assert_eq!((served(&commit), reported(&commit)), (vec![], vec![Refusal::Node]));
    store.apply(node("192.0.2.3"));
    let commit = store.commit();
    assert_eq!((served(&commit), reported(&commit)), (vec!["192.0.2.2".to_owned()], vec![]));
    assert!(commit.refusals[0].refused.is_empty(), "it is reported that nothing is refused any more");
}

#[test]
fn an_endpoint_of_the_api_server_is_no_external_ip() {
    let mut store = store(&["192.0.2.0/24"], "192.0.2.1");
    store.apply(slice("kubernetes", &["192.0.2.1"]));
    let commit = store.commit();
    assert_eq!((served(&commit), reported(&commit)), (vec![], vec![Refusal::ApiServer]));
    store.apply(slice("kubernetes", &["192.0.2.9"]));
    assert_eq!(served(&store.commit()), ["192.0.2.1"], "the API server has moved");
}

#[test]
fn the_cluster_ip_of_the_api_server_is_no_external_ip() {
    let mut store = store(&["0.0.0.0/0"], "10.96.0.1");
    store.apply(service("kubernetes", "10.96.0.1", &[]));
    let commit = store.commit();
    assert_eq!((served(&commit), reported(&commit)), (vec![], vec![Refusal::ApiServer]));
}

#[test]
fn another_services_cluster_ip_is_no_external_ip_while_that_service_exists() {
    let mut store = store(&["0.0.0.0/0"], "10.96.0.20");
    store.apply(service("bank", "10.96.0.20", &[]));
    let commit = store.commit();
    assert_eq!((served(&commit), reported(&commit)), (vec![], vec![Refusal::ClusterIp]));
    store.apply(Event::Delete(ObjectKey::new(Kind::Service, "default", "bank")));
    assert_eq!(served(&store.commit()), ["10.96.0.20"]);
}

#[test]
fn an_address_that_may_become_a_cluster_ip_is_no_external_ip_but_a_services_own_cluster_ip_does_no_harm() {
    let mut store = store(&["0.0.0.0/0"], "10.96.0.99");
    let cidrs =
        event::<ServiceCIDR>(&json!({ "metadata": { "name": "c" }, "spec": { "cidrs": ["10.96.0.0/16"] } }));
    store.apply(cidrs);
    let commit = store.commit();
    assert_eq!((served(&commit), reported(&commit)), (vec![], vec![Refusal::ClusterIp]));
    store.apply(service("web", "10.96.0.10", &["10.96.0.10"]));
    assert_eq!(served(&store.commit()), ["10.96.0.10"]);
}

#[test]
fn a_load_balancer_ip_needs_no_allow_list() {
    let mut store = store(&[], "203.0.113.7");
    store.apply(balanced("web", "10.96.0.10", &["203.0.113.8", "127.0.0.1"]));
    let commit = store.commit();
    let served = commit.snapshot.get(&ServiceKey::new("default", "web")).unwrap();
    assert_eq!(*served.ports[0].load_balancer_ips, ["203.0.113.8".parse::<IpAddr>().unwrap()]);
    assert_eq!(reported(&commit), [Refusal::Loopback]);
}

#[test]
fn a_change_costs_the_services_that_want_what_changed() {
    let mut store = store(&["0.0.0.0/0"], "203.0.113.7");
    for number in 0..100 {
        store.apply(service(&format!("other-{number}"), &format!("10.96.1.{number}"), &[]));
    }
    assert_eq!(store.commit().visited, 101);
    store.apply(service("bank", "203.0.113.7", &[]));
    assert_eq!(store.commit().visited, 2, "the new Service and the one that wants its address");
    store.apply(node("192.0.2.2"));
    assert_eq!(store.commit().visited, 1);
    store.apply(slice("kubernetes", &["192.0.2.1"]));
    assert_eq!(store.commit().visited, 2, "the API server's Service and the one with an external IP");
    store.apply(slice("kubernetes", &["192.0.2.1"]));
    assert_eq!(store.commit().visited, 1, "nothing has changed");
}

/// One of a few objects in one of a few forms, or its deletion. Few addresses, so that they meet.
fn change() -> impl Strategy<Value = Event> {
    let address = || prop::sample::select(&["192.0.2.1", "192.0.2.2", "10.96.0.1", "10.96.0.2"][..]);
    let name = || prop::sample::select(&["web", "bank", "kubernetes"][..]);
    let wanted = || prop::collection::vec(address(), 0..3);
    prop_oneof![
        4 => (name(), address(), wanted()).prop_map(|(name, ip, wanted)| service(name, ip, &wanted)),
        4 => (name(), address(), wanted()).prop_map(|(name, ip, wanted)| balanced(name, ip, &wanted)),
        2 => (name(), address()).prop_map(|(name, ip)| slice(name, &[ip])),
        1 => address().prop_map(node),
        1 => name().prop_map(|name| Event::Delete(ObjectKey::new(Kind::Service, "default", name))),
        1 => name().prop_map(|name| {
            Event::Delete(ObjectKey::new(Kind::EndpointSlice, "default", format!("{name}-1")))
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_served_and_refused_follows_from_the_objects_and_not_from_their_order(
        changes in prop::collection::vec((change(), any::<bool>()), 1..30),
    ) {
        let allowed_external_ips = vec!["0.0.0.0/0".parse().unwrap()];
        let virtual_ips = VirtualIps { allowed_external_ips, ..VirtualIps::default() };
        let rules = GuardRules { virtual_ips, ..GuardRules::default() };
        let [mut gradual, mut at_once] = [(); 2].map(|()| Store::new("node-a").with_guards(Some(rules.clone())));
        let mut reported = BTreeMap::new();
        let mut note = |commit: &Commit| {
            reported.extend(commit.refusals.iter().map(|now| (now.service.clone(), now.refused.clone())));
        };
        for (event, commit) in &changes {
            gradual.apply(event.clone());
            if *commit {
                note(&gradual.commit());
            }
        }
        let gradually = gradual.commit();
        note(&gradually);
        changes.iter().for_each(|(event, _)| at_once.apply(event.clone()));
        let at_once = at_once.commit();
        reported.retain(|_, refused| !refused.is_empty());
        let expected = at_once.refusals.into_iter().map(|now| (now.service, now.refused)).collect::<BTreeMap<_, _>>();
        prop_assert_eq!(gradually.snapshot, at_once.snapshot);
        prop_assert_eq!(reported, expected);
    }
}

#[test]
fn external_ips_of_the_annotation_count_like_those_of_the_field_and_under_the_same_guards() {
    let annotated = |text: &str| {
        event::<Service>(&json!({
            "metadata": { "name": "web", "annotations": { "weir.dev/external-ips": text } },
            "spec": { "clusterIP": "10.96.0.10", "ports": [{ "port": 443 }], "externalIPs": ["203.0.113.7"] },
        }))
    };
    let mut store = store(&["203.0.113.0/24", "192.0.2.0/24"], "203.0.113.7");
    store.apply(node("192.0.2.2"));
    store.apply(annotated(" 203.0.113.8, 203.0.113.7,203.0.113.8,, 198.51.100.7,192.0.2.2"));
    let commit = store.commit();
    assert_eq!(served(&commit), ["203.0.113.7", "203.0.113.8"]);
    assert_eq!(reported(&commit), [Refusal::Node, Refusal::NotAllowed]);
    store.apply(annotated(""));
    assert_eq!(served(&store.commit()), ["203.0.113.7"]);
}
