//! What do clients see while endpoints come and go, and Services are deleted and re-created?

use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually, expect, expect_names},
    objects::{Service, cluster_ips},
};
use serde_json::json;
use std::net::SocketAddr;
use weir_testkit::cluster::Failure;

#[test]
fn terminating_endpoints_stand_in_when_none_is_ready_and_only_then() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10).node_port(30080);
    let (client, outside) = (bed.cluster.pod("a-2"), bed.cluster.outside());
    let addresses =
        [SocketAddr::new(cluster_ips(10)[0], 80), SocketAddr::new(bed.cluster.node("node-a").v4(), 30080)];
    bed.serve(&service, &["a-1", "b-1"]);
    bed.wait_until_served(10);
    let answers = |wanted: &[&str]| {
        for protocol in BOTH {
            expect_names(client, protocol, addresses[0], wanted);
            expect_names(outside, protocol, addresses[1], wanted);
        }
    };
    bed.endpoints(&service, &[bed.ready("a-1").terminating(), bed.ready("b-1")]);
    answers(&["b-1"]);
    bed.endpoints(&service, &[bed.ready("a-1").terminating(), bed.ready("b-1").terminating()]);
    answers(&["a-1", "b-1"]);
    bed.endpoints(&service, &[bed.ready("a-1").terminating(), bed.ready("b-1").not_ready()]);
    answers(&["a-1"]);
}

#[test]
fn local_terminating_endpoints_stand_in_under_both_local_policies() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10).node_port(30080);
    let service =
        service.set("internalTrafficPolicy", json!("Local")).set("externalTrafficPolicy", json!("Local"));
    bed.endpoints(&service, &[bed.ready("a-1").terminating(), bed.ready("b-1")]);
    service.apply(bed.cluster.api());
    let (client, outside) = (bed.cluster.pod("a-2"), bed.cluster.outside());
    for protocol in BOTH {
        expect(client, protocol, SocketAddr::new(cluster_ips(10)[0], 80), Ok(("a-1", client.v4())));
        let node_port = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
        expect(outside, protocol, node_port, Ok(("a-1", outside.v4())));
    }
}

#[test]
fn a_udp_client_that_keeps_its_socket_is_moved_when_its_pod_is_replaced() {
    let Some(mut bed) = Bed::standard() else { return };
    let service = Service::web("web", 10).node_port(30080);
    bed.serve(&service, &["b-1"]);
    bed.wait_until_served(10);
    let node_port = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
    let cluster_ip = SocketAddr::new(cluster_ips(10)[0], 80);
    let flows = [
        bed.cluster.pod("a-2").converse(cluster_ip).unwrap(),
        bed.cluster.node("node-a").converse(cluster_ip).unwrap(),
        bed.cluster.outside().converse(node_port).unwrap(),
    ];
    for flow in &flows {
        assert_eq!(flow.ask().unwrap().name, "b-1");
    }
    bed.serve(&service, &[]);
    bed.cluster.stop_pod("b-1");
    bed.cluster.start_pod("node-b", "b-3");
    bed.serve(&service, &["b-3"]);
    for flow in &flows {
        eventually("the new pod", Ok("b-3".to_owned()), || flow.ask().map(|reply| reply.name));
    }
}

#[test]
fn udp_clients_that_came_before_the_first_endpoint_are_served_when_it_is_ready() {
    let Some(bed) = Bed::single() else { return };
    let service = Service::web("web", 10);
    bed.serve(&service, &[]);
    let flow = bed.cluster.pod("a-2").converse(SocketAddr::new(cluster_ips(10)[0], 80)).unwrap();
    eventually("a refusal", Err(Failure::Refused), || flow.ask().map(|reply| reply.name));
    bed.serve(&service, &["a-1"]);
    eventually("the first endpoint", Ok("a-1".to_owned()), || flow.ask().map(|reply| reply.name));
}

#[test]
fn a_service_that_is_deleted_is_gone_and_served_again_when_it_is_back() {
    let Some(bed) = Bed::single() else { return };
    let (service, client) = (Service::web("web", 10).node_port(30080), bed.cluster.pod("a-2"));
    let node = bed.cluster.node("node-a");
    let node_port = SocketAddr::new(node.v4(), 30080);
    for _ in 0..2 {
        bed.serve(&service, &["a-1"]);
        for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
            expect(client, protocol, SocketAddr::new(ip, 80), Ok(("a-1", client.address_towards(ip))));
        }
        expect(
            bed.cluster.outside(),
            Protocol::Tcp,
            node_port,
            Ok(("a-1", bed.masqueraded("a-1", node.v4()))),
        );
        service.delete(bed.cluster.api());
        for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
            expect(client, protocol, SocketAddr::new(ip, 80), Err(Failure::TimedOut));
        }
        // The node's own stack answers again.
        expect(bed.cluster.outside(), Protocol::Tcp, node_port, Err(Failure::Refused));
    }
}

#[test]
fn a_service_may_become_headless_or_an_external_name_and_come_back() {
    let Some(bed) = Bed::single() else { return };
    let (service, client) = (Service::web("web", 10), bed.cluster.pod("a-2"));
    let to = SocketAddr::new(cluster_ips(10)[0], 80);
    let others = [
        service.clone().set("clusterIP", json!("None")).set("clusterIPs", json!(["None"])),
        service.clone().set("type", json!("ExternalName")).set("externalName", json!("example.com")),
        service.clone().label("service.kubernetes.io/service-proxy-name", "somebody-else"),
    ];
    for other in others {
        bed.serve(&service, &["a-1"]);
        expect(client, Protocol::Tcp, to, Ok(("a-1", client.v4())));
        other.apply(bed.cluster.api());
        eventually("the end of service", true, || ask(client, Protocol::Tcp, to).is_err());
    }
}

#[test]
fn a_node_port_may_change_its_protocol() {
    let Some(bed) = Bed::single() else { return };
    let (outside, node) = (bed.cluster.outside(), bed.cluster.node("node-a"));
    let to = SocketAddr::new(node.v4(), 30080);
    let of = |protocol: &str| Service::new("web", 10).port(protocol, 80).node_port(30080);
    bed.serve(&of("TCP"), &["a-1"]);
    expect(outside, Protocol::Tcp, to, Ok(("a-1", bed.masqueraded("a-1", node.v4()))));
    expect(outside, Protocol::Udp, to, Err(Failure::Refused));
    bed.serve(&of("UDP"), &["a-1"]);
    expect(outside, Protocol::Udp, to, Ok(("a-1", bed.masqueraded("a-1", node.v4()))));
    expect(outside, Protocol::Tcp, to, Err(Failure::Refused));
}

#[test]
fn no_client_notices_a_rolling_update() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10);
    bed.serve(&service, &["a-1", "b-1"]);
    bed.wait_until_served(10);
    let (client, to) = (bed.cluster.pod("a-2"), SocketAddr::new(cluster_ips(10)[0], 80));
    let steps: [&[&str]; 5] = [&["b-1"], &["b-1", "b-2"], &["b-2"], &["a-1", "b-2"], &["a-1"]];
    for pods in steps {
        bed.serve(&service, pods);
        for protocol in BOTH {
            // A failure in between would end the test.
            expect_names(client, protocol, to, pods);
        }
    }
}
