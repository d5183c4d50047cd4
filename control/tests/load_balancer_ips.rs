//! Which load-balancer IPs are served, and which of several Services gets one address? (semantics A7, A8)

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::event;
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
    networking::v1::ServiceCIDR,
};
use serde_json::json;
use std::net::IpAddr;
use weir_control::{Commit, Event, Kind, ObjectKey, Store};
use weir_core::{
    Claims, Frontend, Protocol, ServiceKey, claims,
    guards::{GuardRules, Refusal, Role, VirtualIps},
};

/// A load balancer's Service that was created in this year.
fn balanced(name: &str, cluster_ip: &str, ips: &[&str], year: u16) -> Event {
    let ingress: Vec<_> = ips.iter().map(|ip| json!({ "ip": ip })).collect();
    event::<Service>(&json!({
        "metadata": { "name": name, "creationTimestamp": format!("{year}-01-01T00:00:00Z") },
        "spec": { "type": "LoadBalancer", "clusterIP": cluster_ip, "ports": [{ "port": 443 }] },
        "status": { "loadBalancer": { "ingress": ingress } },
    }))
}

fn external(name: &str, cluster_ip: &str, ip: &str, year: u16) -> Event {
    event::<Service>(&json!({
        "metadata": { "name": name, "creationTimestamp": format!("{year}-01-01T00:00:00Z") },
        "spec": { "clusterIP": cluster_ip, "ports": [{ "port": 443 }], "externalIPs": [ip] },
    }))
}

fn node(internal_ip: &str) -> Event {
    event::<Node>(&json!({
        "metadata": { "name": "node-a" },
        "status": { "addresses": [{ "type": "InternalIP", "address": internal_ip }] },
    }))
}

fn api_server(address: &str) -> Event {
    event::<EndpointSlice>(&json!({
        "metadata": { "name": "kubernetes", "labels": { "kubernetes.io/service-name": "kubernetes" } },
        "addressType": "IPv4", "ports": [{ "name": "https", "port": 6443 }], "endpoints": [{ "addresses": [address] }],
    }))
}

fn gone(name: &str) -> Event {
    Event::Delete(ObjectKey::new(Kind::Service, "default", name))
}

/// A guarded store, in which load-balancer IPs with owners are allowed in these networks and external IPs everywhere.
fn store(allowed: &[&str]) -> Store {
    let virtual_ips = VirtualIps {
        allowed_external_ips: vec!["0.0.0.0/0".parse().unwrap()],
        allowed_load_balancer_ips: allowed.iter().map(|text| text.parse().unwrap()).collect(),
        ..VirtualIps::default()
    };
    let host = ["192.0.2.9".parse().unwrap()].into();
    Store::new("node-a").with_guards(Some(GuardRules { virtual_ips, host, ..GuardRules::default() }))
}

fn served(commit: &Commit) -> Vec<String> {
    let served = commit.snapshot.get(&ServiceKey::new("default", "web")).unwrap();
    served.ports[0].load_balancer_ips.iter().map(IpAddr::to_string).collect()
}

fn reported(commit: &Commit) -> Vec<(Role, Refusal)> {
    let new = commit.refusals.iter().flat_map(|refusals| &refusals.new);
    new.map(|&(role, reason, _)| (role, reason)).collect()
}

#[test]
fn a_load_balancer_ip_that_is_somebody_elses_is_refused_unless_a_list_names_it() {
    let taken = ["192.0.2.2", "192.0.2.9", "198.51.100.1", "10.96.0.1", "10.96.0.20", "10.96.0.99"];
    let everything = |store: &mut Store| {
        store.apply(node("192.0.2.2"));
        store.apply(api_server("198.51.100.1"));
        store.apply(balanced("kubernetes", "10.96.0.1", &[], 2020));
        store.apply(balanced("bank", "10.96.0.20", &[], 2020));
        let cidrs = json!({ "metadata": { "name": "c" }, "spec": { "cidrs": ["10.96.0.0/16"] } });
        store.apply(event::<ServiceCIDR>(&cidrs));
        store.apply(balanced("web", "10.96.0.10", &[&taken[..], &["203.0.113.7"]].concat(), 2021));
        store.commit()
    };
    let commit = everything(&mut store(&[]));
    assert_eq!(served(&commit), ["203.0.113.7"]);
    let reasons = [Refusal::ApiServer, Refusal::Node, Refusal::ClusterIp]
        .map(|reason| [(Role::LoadBalancerIp, reason); 2]);
    assert_eq!(reported(&commit), reasons.concat());
    for (address, owner) in
        [("192.0.2.2", "an address of this node"), ("198.51.100.1", "where the API server answers")]
    {
        let problem = commit.refusals[0].at(address.parse().unwrap()).next().unwrap().to_string();
        let start = format!(
            "Service default/web: status.loadBalancer.ingress: {address} is not served: it is {owner}"
        );
        assert!(problem.starts_with(&start) && problem.contains("--allow-load-balancer-ips"), "{problem}");
    }
    let commit = everything(&mut store(&["192.0.2.0/24", "198.51.100.1/32", "10.96.0.0/16"]));
    assert_eq!((served(&commit).len(), reported(&commit)), (taken.len() + 1, vec![]));
}

#[test]
fn a_refused_load_balancer_ip_is_served_as_soon_as_nobody_else_has_it() {
    let mut store = store(&[]);
    store.apply(balanced("web", "10.96.0.10", &["10.96.0.20"], 2021));
    store.apply(balanced("bank", "10.96.0.20", &[], 2020));
    assert_eq!(served(&store.commit()), [""; 0]);
    store.apply(gone("bank"));
    let commit = store.commit();
    assert_eq!((served(&commit), commit.visited), (vec!["10.96.0.20".to_owned()], 2));
    store.set_host_addresses(["10.96.0.20".parse().unwrap()].into());
    assert_eq!(served(&store.commit()), [""; 0]);
}

/// What gets 203.0.113.7, by the claims of all Services, which follow each commit.
struct Winner(Claims<Frontend, weir_core::Claim>);

impl Winner {
    fn after(&mut self, commit: &Commit) -> Option<String> {
        for key in &commit.differing {
            let served = commit.snapshot.get(key);
            let claims =
                served.iter().flat_map(|served| claims(served, &[])).map(|claim| (claim.frontend, claim));
            self.0.replace(key, claims.collect::<Vec<_>>());
        }
        let frontend = Frontend { protocol: Protocol::Tcp, address: "203.0.113.7:443".parse().unwrap() };
        self.0.winner(frontend).map(|claim| claim.port.key.service.name.to_string())
    }
}

#[test]
fn the_oldest_load_balancer_gets_an_address_and_the_next_one_takes_over_when_it_goes() {
    let (mut store, mut winner) = (store(&[]), Winner(Claims::default()));
    let ip = "203.0.113.7";
    let mut after = |store: &mut Store| {
        let commit = store.commit();
        (winner.after(&commit).unwrap_or_default(), commit.visited)
    };
    store.apply(external("a", "10.96.0.1", ip, 2000));
    assert_eq!(after(&mut store), ("a".to_owned(), 1));
    store.apply(balanced("z", "10.96.0.2", &[ip], 2022));
    assert_eq!(after(&mut store), ("z".to_owned(), 1), "a load-balancer IP goes before an external IP");
    store.apply(balanced("b", "10.96.0.3", &[ip], 2023));
    assert_eq!(after(&mut store), ("z".to_owned(), 1), "b is younger");
    store.apply(balanced("c", "10.96.0.4", &[ip], 2023));
    store.apply(gone("z"));
    assert_eq!(after(&mut store), ("b".to_owned(), 2), "of two of one age the first by name");
    store.apply(gone("b"));
    assert_eq!(after(&mut store).0, "c");
    // A Service that is made anew is young again.
    store.apply(balanced("b", "10.96.0.3", &[ip], 2024));
    assert_eq!(after(&mut store).0, "c");
    store.apply(gone("b"));
    store.apply(gone("c"));
    assert_eq!(after(&mut store).0, "a");
}
