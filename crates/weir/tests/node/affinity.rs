//! Does a client stay with its endpoint when the Service asks for it? (semantics F1-F4)

use crate::{
    bed::{BOTH, Bed, Protocol, ask, ask_from, eventually, expect_names, idle, names},
    objects::{Service, cluster_ips},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

const PODS: [&str; 3] = ["a-1", "b-1", "b-2"];

fn sticky(service: Service, seconds: u32) -> Service {
    let config: Value = json!({ "clientIP": { "timeoutSeconds": seconds } });
    service.set("sessionAffinity", json!("ClientIP")).set("sessionAffinityConfig", config)
}

#[test]
fn affinity_keeps_a_client_at_its_endpoint_until_it_is_switched_off_and_again_when_it_is_back() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10).node_port(30080);
    let (client, outside) = (bed.cluster.pod("a-2"), bed.cluster.outside());
    let node_port = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
    for _ in 0..2 {
        bed.serve(&sticky(service.clone(), 10_800), &PODS);
        bed.wait_until_served(10);
        for protocol in BOTH {
            for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
                eventually("affinity", 1, || names(client, protocol, to).len());
            }
            eventually("affinity at the node port", 1, || names(outside, protocol, node_port).len());
        }
        bed.serve(&service, &PODS);
        for protocol in BOTH {
            expect_names(client, protocol, SocketAddr::new(cluster_ips(10)[0], 80), &PODS);
            expect_names(outside, protocol, node_port, &PODS);
        }
    }
}

#[test]
fn affinity_is_each_clients_own_and_ends_with_its_endpoint() {
    let Some(bed) = Bed::standard() else { return };
    let service = sticky(Service::web("web", 10), 10_800);
    bed.serve(&service, &PODS);
    bed.wait_until_served(10);
    let (client, to) = (bed.cluster.pod("a-2"), SocketAddr::new(cluster_ips(10)[0], 80));
    let (first, _) = ask(client, Protocol::Tcp, to).unwrap();
    let others: Vec<&str> = PODS.into_iter().filter(|&name| name != first).collect();
    bed.serve(&service, &others);
    eventually("another endpoint", true, || ask(client, Protocol::Tcp, to).unwrap().0 != first);
    let (second, _) = ask(client, Protocol::Tcp, to).unwrap();
    // The first one is back, and forgotten.
    bed.serve(&service, &PODS);
    let stays = names(client, Protocol::Tcp, to);
    assert_eq!(stays, BTreeSet::from([second]));
}

#[test]
fn affinity_ends_when_a_client_stays_away_for_its_time_out() {
    let Some(bed) = Bed::standard() else { return };
    bed.serve(&sticky(Service::web("web", 10), 1), &PODS);
    bed.wait_until_served(10);
    let (client, to) = (bed.cluster.pod("a-2"), SocketAddr::new(cluster_ips(10)[0], 80));
    let first = ask(client, Protocol::Tcp, to).unwrap().0;
    // Each time the next endpoint is chosen at random, and may be the same again.
    eventually("another endpoint", true, || {
        idle(Duration::from_millis(1_500));
        ask(client, Protocol::Tcp, to).unwrap().0 != first
    });
}

#[test]
fn one_memory_serves_all_addresses_of_a_port() {
    let Some(bed) = Bed::standard() else { return };
    bed.serve(&sticky(Service::web("web", 10), 10_800).node_port(30080), &PODS);
    bed.wait_until_served(10);
    bed.cluster.attract("172.30.0.0/16", "node-a");
    let outside = bed.cluster.outside();
    let node_port = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
    for source in ["203.0.113.2", "203.0.113.130"] {
        let source = source.parse().unwrap();
        let through = |to| ask_from(outside, source, Protocol::Tcp, to).unwrap().0;
        let chosen = through(node_port);
        for _ in 0..10 {
            assert_eq!(through(SocketAddr::new(cluster_ips(10)[0], 80)), chosen);
            assert_eq!(through(node_port), chosen);
        }
    }
}
