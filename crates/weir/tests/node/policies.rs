//! What do clients get that may not reach every endpoint, or none? (semantics P2, P6, N1-N5)

use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually, expect, expect_names, zone},
    objects::{Service, cluster_ips},
};
use serde_json::json;
use std::net::SocketAddr;
use weir_testkit::cluster::Failure;

#[test]
fn internal_policy_local_serves_only_from_the_clients_node_and_is_silent_without_an_endpoint_there() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10).set("internalTrafficPolicy", json!("Local"));
    bed.serve(&service, &["a-1", "b-1"]);
    let (a, b) = (bed.cluster.pod("a-2"), bed.cluster.pod("b-2"));
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
        let to = SocketAddr::new(ip, 80);
        eventually("an answer", true, || ask(a, protocol, to).is_ok() && ask(b, protocol, to).is_ok());
        expect_names(a, protocol, to, &["a-1"]);
        expect_names(b, protocol, to, &["b-1"]);
        expect_names(bed.cluster.node("node-a"), protocol, to, &["a-1"]);
    }
    bed.serve(&service, &["b-1"]);
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
        let to = SocketAddr::new(ip, 80);
        expect(a, protocol, to, Err(Failure::TimedOut));
        expect(bed.cluster.node("node-a"), protocol, to, Err(Failure::TimedOut));
        expect_names(b, protocol, to, &["b-1"]);
    }
}

#[test]
fn external_policy_local_drops_outside_clients_without_a_local_endpoint_but_serves_pods_and_the_node() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10).node_port(30080).set("externalTrafficPolicy", json!("Local"));
    bed.serve(&service, &["b-1"]);
    let cluster = &bed.cluster;
    let (outside, node_a, node_b) = (cluster.outside(), cluster.node("node-a"), cluster.node("node-b"));
    for protocol in BOTH {
        for (a, b) in [(node_a.v4(), node_b.v4()), (node_a.v6(), node_b.v6())] {
            let (a, b) = (SocketAddr::new(a, 30080), SocketAddr::new(b, 30080));
            expect(outside, protocol, b, Ok(("b-1", outside.address_towards(b.ip()))));
            expect(outside, protocol, a, Err(Failure::TimedOut));
            let pod = cluster.pod("a-1");
            expect(pod, protocol, a, Ok(("b-1", pod.address_towards(a.ip()))));
            expect(node_a, protocol, a, Ok(("b-1", node_a.address_towards(a.ip()))));
        }
    }
}

#[test]
fn a_service_without_endpoints_is_refused_on_all_its_addresses_and_served_when_one_comes() {
    let Some(bed) = Bed::single() else { return };
    let service = Service::web("web", 10).node_port(30080);
    bed.serve(&service, &[]);
    let (pod, outside, node) = (bed.cluster.pod("a-2"), bed.cluster.outside(), bed.cluster.node("node-a"));
    let node_port = SocketAddr::new(node.v4(), 30080);
    for protocol in BOTH {
        for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
            expect(pod, protocol, to, Err(Failure::Refused));
            expect(node, protocol, to, Err(Failure::Refused));
        }
        expect(outside, protocol, node_port, Err(Failure::Refused));
    }
    bed.endpoints(&service, &[bed.ready("a-1").not_ready()]);
    expect(pod, Protocol::Tcp, SocketAddr::new(cluster_ips(10)[0], 80), Err(Failure::Refused));
    bed.serve(&service, &["a-1"]);
    for protocol in BOTH {
        for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
            expect(pod, protocol, to, Ok(("a-1", pod.address_towards(to.ip()))));
        }
        expect(outside, protocol, node_port, Ok(("a-1", bed.masqueraded("a-1", node.v4()))));
    }
}

#[test]
fn other_ports_of_a_cluster_ip_are_refused_and_addresses_that_nobody_has_are_silent() {
    let Some(bed) = Bed::single() else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    for client in [bed.cluster.pod("a-2"), bed.cluster.node("node-a")] {
        for protocol in BOTH {
            for ip in cluster_ips(10) {
                expect(client, protocol, SocketAddr::new(ip, 81), Err(Failure::Refused));
            }
            // A datagram that a rule drops on its sender's own host is no secret to the sender: sendto(2) fails.
            let own_datagram = client.name() == "node-a" && protocol == Protocol::Udp;
            let silence = if own_datagram { Failure::Refused } else { Failure::TimedOut };
            for ip in cluster_ips(99) {
                expect(client, protocol, SocketAddr::new(ip, 80), Err(silence.clone()));
            }
        }
    }
}

#[test]
fn clients_stay_in_their_zone_while_every_ready_endpoint_has_a_hint() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10);
    let hinted = |pod: &str, node: &str| bed.ready(pod).for_zone(&zone(node));
    bed.endpoints(&service, &[hinted("a-1", "node-a"), hinted("b-1", "node-b")]);
    service.apply(bed.cluster.api());
    bed.wait_until_served(10);
    let to = SocketAddr::new(cluster_ips(10)[0], 80);
    let (a, b) = (bed.cluster.pod("a-2"), bed.cluster.node("node-b"));
    for protocol in BOTH {
        expect_names(a, protocol, to, &["a-1"]);
        expect_names(b, protocol, to, &["b-1"]);
    }
    bed.endpoints(&service, &[hinted("a-1", "node-a").not_ready(), hinted("b-1", "node-b")]);
    for protocol in BOTH {
        expect_names(a, protocol, to, &["b-1"]);
    }
    bed.endpoints(&service, &[hinted("a-1", "node-a"), bed.ready("b-1")]);
    for protocol in BOTH {
        expect_names(a, protocol, to, &["a-1", "b-1"]);
    }
}

#[test]
fn an_endpoint_that_is_published_though_it_terminates_is_one_like_others() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10);
    bed.endpoints(&service, &[bed.ready("a-1").published(), bed.ready("b-1")]);
    service.apply(bed.cluster.api());
    bed.wait_until_served(10);
    for protocol in BOTH {
        expect_names(
            bed.cluster.pod("a-2"),
            protocol,
            SocketAddr::new(cluster_ips(10)[0], 80),
            &["a-1", "b-1"],
        );
    }
}

#[test]
fn established_connections_go_on_whatever_the_policy_becomes() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10);
    bed.serve(&service, &["b-1"]);
    bed.wait_until_served(10);
    let (client, to) = (bed.cluster.pod("a-1"), SocketAddr::new(cluster_ips(10)[0], 80));
    let mut connection = client.connect(to).unwrap();
    let flow = client.converse(to).unwrap();
    flow.ask().unwrap();
    bed.serve(&service.clone().set("internalTrafficPolicy", json!("Local")), &["b-1"]);
    for protocol in BOTH {
        expect(client, protocol, to, Err(Failure::TimedOut));
    }
    connection.echo().unwrap();
    assert_eq!(flow.ask().unwrap().name, "b-1");
}
