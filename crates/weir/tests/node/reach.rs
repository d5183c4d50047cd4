//! Who reaches a Service, and at which of its addresses?

use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually, expect, expect_names, plan},
    objects::{Endpoint, Service, cluster_ips},
};
use std::net::SocketAddr;
use weir_testkit::cluster::{Failure, POD_PORT};

/// Pods, nodes and an outside client reach a Service on whatever node: the checks that hold with any pod network.
pub(crate) fn everybody_reaches_a_service(bed: &Bed) {
    let service = Service::web("web", 10).node_port(30080);
    bed.serve(&service, &["b-1"]);
    bed.wait_until_served(10);
    let cluster = &bed.cluster;
    for protocol in BOTH {
        for ip in cluster_ips(10) {
            let to = SocketAddr::new(ip, 80);
            for pod in ["a-1", "a-2"].map(|name| cluster.pod(name)) {
                expect(pod, protocol, to, Ok(("b-1", pod.address_towards(ip))));
            }
            // On the endpoint's own bridge, too.
            let neighbour = cluster.pod("b-2");
            expect(neighbour, protocol, to, Ok(("b-1", neighbour.address_towards(ip))));
            for node in cluster.nodes() {
                eventually(&format!("{} -> {to}", node.name()), true, || {
                    ask(node, protocol, to).is_ok_and(|(name, _)| name == "b-1")
                });
            }
        }
        for node in cluster.nodes() {
            for ip in [node.v4(), node.v6()] {
                let to = SocketAddr::new(ip, 30080);
                for client in [cluster.outside(), cluster.pod("a-1"), cluster.pod("b-2"), node] {
                    let what = format!("{} -> node port {to} over {protocol:?}", client.name());
                    eventually(&what, true, || {
                        ask(client, protocol, to).is_ok_and(|(name, _)| name == "b-1")
                    });
                }
            }
        }
    }
}

#[test]
fn pods_nodes_and_outside_clients_reach_a_service_over_tcp_and_udp_in_both_families() {
    let Some(bed) = Bed::standard() else { return };
    everybody_reaches_a_service(&bed);
}

#[test]
fn connections_spread_over_all_endpoints_and_follow_them() {
    let Some(bed) = Bed::standard() else { return };
    let (service, to) = (Service::web("web", 10), SocketAddr::new(cluster_ips(10)[0], 80));
    let client = bed.cluster.pod("a-2");
    for pods in [&["a-1", "b-1", "b-2"][..], &["b-2"], &["a-1", "b-2"]] {
        bed.serve(&service, pods);
        for protocol in BOTH {
            // Silence or a refusal in between would end the test.
            if ask(client, protocol, to).is_err() {
                bed.wait_until_served(10);
            }
            expect_names(client, protocol, to, pods);
        }
    }
}

#[test]
fn endpoints_of_several_slices_may_have_different_ports() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10);
    let _elsewhere = bed.cluster.pod("b-1").start_servers(9090).unwrap();
    service.endpoints(bed.cluster.api(), &[bed.ready("a-1")]);
    service.slices(bed.cluster.api(), "-other", 9090, &[bed.ready("b-1")]);
    service.apply(bed.cluster.api());
    bed.wait_until_served(10);
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
        expect_names(bed.cluster.pod("a-2"), protocol, SocketAddr::new(ip, 80), &["a-1", "b-1"]);
    }
    assert_eq!(bed.cluster.servers_of("b-1").connections(), 0);
}

#[test]
fn the_same_port_number_on_tcp_and_udp_belongs_to_whom_it_was_given() {
    let Some(bed) = Bed::standard() else { return };
    let (tcp, udp) = (Service::new("tcp", 10).port("TCP", 53), Service::new("udp", 11).port("UDP", 53));
    bed.serve(&tcp.node_port(30053), &["a-1"]);
    bed.serve(&udp.node_port(30053), &["b-1"]);
    let (client, node) = (bed.cluster.outside(), bed.cluster.node("node-a"));
    for ip in [node.v4(), node.v6()] {
        let to = SocketAddr::new(ip, 30053);
        expect(client, Protocol::Tcp, to, Ok(("a-1", bed.masqueraded("a-1", ip))));
        expect(client, Protocol::Udp, to, Ok(("b-1", node.address_towards(ip))));
    }
    let pod = bed.cluster.pod("a-2");
    expect(pod, Protocol::Udp, SocketAddr::new(cluster_ips(10)[0], 53), Err(Failure::Refused));
    expect(pod, Protocol::Tcp, SocketAddr::new(cluster_ips(11)[0], 53), Err(Failure::Refused));
}

#[test]
fn a_port_keeps_serving_while_others_are_added_and_deleted() {
    let Some(bed) = Bed::single() else { return };
    let client = bed.cluster.pod("a-2");
    let at = |port| SocketAddr::new(cluster_ips(10)[0], port);
    let one = Service::new("web", 10).port("TCP", 80);
    let two = one.clone().port("TCP", 81);
    bed.serve(&one, &["a-1"]);
    expect(client, Protocol::Tcp, at(80), Ok(("a-1", client.v4())));
    bed.serve(&two, &["a-1"]);
    expect(client, Protocol::Tcp, at(81), Ok(("a-1", client.v4())));
    bed.serve(&one, &["a-1"]);
    expect(client, Protocol::Tcp, at(81), Err(Failure::Refused));
    assert_eq!(ask(client, Protocol::Tcp, at(80)), Ok(("a-1".to_owned(), client.v4())));
}

#[test]
fn large_transfers_and_datagrams_that_are_sent_in_fragments_arrive_whole() {
    let Some(bed) = Bed::standard() else { return };
    bed.serve(&Service::web("web", 10).node_port(30080), &["b-1"]);
    bed.wait_until_served(10);
    let node = bed.cluster.node("node-a");
    for (client, ips, port) in [
        (bed.cluster.pod("a-1"), cluster_ips(10), 80),
        (bed.cluster.outside(), [node.v4(), node.v6()], 30080),
    ] {
        for to in ips.map(|ip| SocketAddr::new(ip, port)) {
            client.connect(to).unwrap().echo_bytes(8 << 20).unwrap();
            assert_eq!(client.converse(to).unwrap().ask_at_length(8_000).unwrap().name, "b-1");
        }
    }
}

#[test]
fn node_ports_are_served_only_where_the_operator_says() {
    let Some(mut bed) = Bed::without_weir(&[plan("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1")]);
    let node = bed.cluster.node("node-a");
    node.namespace().ip(&["address", "add", "192.0.2.7/32", "dev", "lo"]).unwrap();
    bed.start_weir("node-a", &["--node-port-addresses", "192.0.2.0/24"]);
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    bed.cluster.attract("192.0.2.0/24", "node-a");
    let (outside, node) = (bed.cluster.outside(), bed.cluster.node("node-a"));
    for protocol in BOTH {
        eventually("the node port", true, || {
            ask(outside, protocol, "192.0.2.7:30080".parse().unwrap()).is_ok()
        });
        expect(outside, protocol, SocketAddr::new(node.v4(), 30080), Err(Failure::Refused));
    }
}

#[test]
fn endpoints_on_the_host_network_are_reached() {
    let Some(bed) = Bed::standard() else { return };
    let _serving = ["node-a", "node-b"].map(|node| bed.cluster.node(node).start_servers(POD_PORT).unwrap());
    for (number, node) in [(10, "node-a"), (11, "node-b")] {
        let service = Service::web(node, number);
        bed.endpoints(&service, &[Endpoint::on_host_network(&bed.cluster, node)]);
        service.apply(bed.cluster.api());
        for client in [bed.cluster.pod("a-1"), bed.cluster.pod("b-1"), bed.cluster.node("node-a")] {
            for (protocol, ip) in
                BOTH.into_iter().flat_map(|protocol| cluster_ips(number).map(|ip| (protocol, ip)))
            {
                let what = format!("{} -> {ip} over {protocol:?}, served by {node}", client.name());
                let to = SocketAddr::new(ip, 80);
                eventually(&what, true, || ask(client, protocol, to).is_ok_and(|(name, _)| name == node));
            }
        }
    }
}

#[test]
fn a_udp_client_is_refused_at_once_when_nobody_listens_at_the_only_endpoint() {
    let plans = [plan("node-a"), plan("node-b")];
    let Some(mut bed) = Bed::without_weir(&plans) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-b", "b-1"), ("node-b", "b-2")]);
    ["node-a", "node-b"].iter().for_each(|node| bed.start_weir_as_in_its_pod(node));
    let service = Service::new("dead", 10).port("UDP", 80);
    for pod in ["a-1", "b-1"] {
        service.slices(bed.cluster.api(), "", 9999, &[bed.ready(pod)]);
        service.apply(bed.cluster.api());
        for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
            for client in [bed.cluster.pod("a-2"), bed.cluster.node("node-a"), bed.cluster.pod("b-2")] {
                expect(client, Protocol::Udp, to, Err(Failure::Refused));
            }
        }
    }
    let said = "the Service has no working endpoint: failing ones are used all the same, as nothing else is left \
                event=EndpointsFailing service=default/dead port=udp-80 protocol=UDP family=IPv4 endpoints=1 reason=refused";
    // Asked until then: the last endpoint may have come after the last question.
    eventually("the line", true, || {
        let to = SocketAddr::new(cluster_ips(10)[0], 80);
        expect(bed.cluster.pod("a-2"), Protocol::Udp, to, Err(Failure::Refused));
        bed.weir_mut("node-a").log().unwrap().contains(said)
    });
}
