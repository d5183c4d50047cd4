//! Which address does an endpoint see? (semantics M1-M3)

use crate::{
    bed::{BOTH, Bed, expect, plan},
    objects::{Endpoint, Service, cluster_ips},
};
use serde_json::json;
use std::net::SocketAddr;
use weir_testkit::cluster::{Failure, NodePlan, POD_PORT};

#[test]
fn pods_keep_their_address_towards_other_pods_and_the_node_uses_its_own() {
    let Some(bed) = Bed::standard() else { return };
    for (number, endpoint) in [(10, "a-1"), (11, "b-1")] {
        bed.serve(&Service::web(endpoint, number), &[endpoint]);
        for (protocol, ip) in
            BOTH.into_iter().flat_map(|protocol| cluster_ips(number).map(|ip| (protocol, ip)))
        {
            let to = SocketAddr::new(ip, 80);
            let a = bed.cluster.pod("a-2");
            expect(a, protocol, to, Ok((endpoint, a.address_towards(ip))));
        }
    }
    // From the bridge to a routed pod of the other node.
    let b = bed.cluster.pod("b-2");
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
        expect(b, protocol, SocketAddr::new(ip, 80), Ok(("a-1", b.address_towards(ip))));
    }
    let node = bed.cluster.node("node-a");
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(11).map(|ip| (protocol, ip))) {
        expect(node, protocol, SocketAddr::new(ip, 80), Ok(("b-1", node.address_towards(ip))));
    }
}

#[test]
fn outside_clients_keep_their_address_only_with_external_policy_local() {
    let Some(bed) = Bed::standard() else { return };
    bed.serve(&Service::web("cluster", 10).node_port(30080), &["a-1"]);
    bed.serve(
        &Service::web("local", 11).node_port(30081).set("externalTrafficPolicy", json!("Local")),
        &["a-1"],
    );
    let (outside, node) = (bed.cluster.outside(), bed.cluster.node("node-a"));
    for protocol in BOTH {
        for ip in [node.v4(), node.v6()] {
            expect(outside, protocol, SocketAddr::new(ip, 30080), Ok(("a-1", bed.masqueraded("a-1", ip))));
            expect(outside, protocol, SocketAddr::new(ip, 30081), Ok(("a-1", outside.address_towards(ip))));
        }
    }
}

#[test]
fn an_off_cluster_client_of_a_cluster_ip_is_masqueraded() {
    let Some(bed) = Bed::single() else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    bed.cluster.attract("172.30.0.0/16", "node-a");
    for protocol in BOTH {
        let to = SocketAddr::new(cluster_ips(10)[0], 80);
        expect(bed.cluster.outside(), protocol, to, Ok(("a-1", bed.masqueraded("a-1", to.ip()))));
    }
}

#[test]
fn a_pod_that_reaches_itself_sees_its_nodes_address() {
    let Some(bed) = Bed::standard() else { return };
    for (number, pod) in [(10, "a-1"), (11, "b-1")] {
        bed.serve(&Service::web(pod, number), &[pod]);
        let pod = bed.cluster.pod(pod);
        for (protocol, ip) in
            BOTH.into_iter().flat_map(|protocol| cluster_ips(number).map(|ip| (protocol, ip)))
        {
            // Any of its node's addresses will do, so long as it is not the pod's own.
            crate::bed::eventually(&format!("{} -> itself at {ip}", pod.name()), true, || {
                let answer = crate::bed::ask(pod, protocol, SocketAddr::new(ip, 80));
                answer.is_ok_and(|(name, seen)| name == pod.name() && seen != pod.address_towards(ip))
            });
        }
    }
}

#[test]
fn an_endpoint_outside_the_pod_networks_sees_what_the_cni_makes_of_it_and_its_reply_comes_back() {
    let Some(bed) = Bed::standard() else { return };
    let _serving = bed.cluster.node("node-b").start_servers(POD_PORT).unwrap();
    let service = Service::web("web", 10);
    bed.endpoints(&service, &[Endpoint::on_host_network(&bed.cluster, "node-b")]);
    service.apply(bed.cluster.api());
    let node = bed.cluster.node("node-a");
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
        expect(
            bed.cluster.pod("a-1"),
            protocol,
            SocketAddr::new(ip, 80),
            Ok(("node-b", node.address_towards(ip))),
        );
    }
}

#[test]
fn an_endpoint_on_the_pods_own_host_sees_the_pod() {
    let Some(bed) = Bed::single() else { return };
    let _serving = bed.cluster.node("node-a").start_servers(POD_PORT).unwrap();
    let service = Service::web("web", 10);
    bed.endpoints(&service, &[Endpoint::on_host_network(&bed.cluster, "node-a")]);
    service.apply(bed.cluster.api());
    let pod = bed.cluster.pod("a-1");
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
        expect(pod, protocol, SocketAddr::new(ip, 80), Ok(("node-a", pod.address_towards(ip))));
    }
}

/// With etpLocal and no endpoint on the node, who is served there is taken for a pod or the node.
#[test]
fn pods_are_recognised_by_the_interface_or_bridge_that_they_send_from() {
    let modes: [(NodePlan<'_>, [&str; 4]); 2] = [
        (
            NodePlan::routed("node-a"),
            ["--detect-local-mode", "InterfaceNamePrefix", "--pod-interface-name-prefix", "cali"],
        ),
        (
            NodePlan::bridged("node-a", false),
            ["--detect-local-mode", "BridgeInterface", "--pod-bridge-interface", "cni0"],
        ),
    ];
    for (plan, flags) in modes {
        let Some(mut bed) = Bed::laid_out(&[plan, NodePlan::routed("node-b")]) else { return };
        bed.start_pods(&[("node-a", "a-1"), ("node-b", "b-1")]);
        bed.start_weir("node-a", &flags);
        let service = Service::web("web", 10).node_port(30080).set("externalTrafficPolicy", json!("Local"));
        bed.serve(&service, &["b-1"]);
        let (pod, node, outside) =
            (bed.cluster.pod("a-1"), bed.cluster.node("node-a"), bed.cluster.outside());
        for (protocol, index) in BOTH.into_iter().flat_map(|protocol| [(protocol, 0), (protocol, 1)]) {
            let cluster_ip = SocketAddr::new(cluster_ips(10)[index], 80);
            let node_port = SocketAddr::new([node.v4(), node.v6()][index], 30080);
            for to in [cluster_ip, node_port] {
                expect(pod, protocol, to, Ok(("b-1", pod.address_towards(to.ip()))));
                expect(node, protocol, to, Ok(("b-1", node.address_towards(to.ip()))));
            }
            expect(outside, protocol, node_port, Err(Failure::TimedOut));
        }
    }
}

#[test]
fn with_masquerade_all_pods_are_masqueraded_too() {
    let Some(mut bed) = Bed::without_weir(&[plan("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    bed.start_weir("node-a", &["--masquerade-all"]);
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let pod = bed.cluster.pod("a-2");
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
        let (name, seen) = crate::bed::ask(pod, protocol, SocketAddr::new(ip, 80)).unwrap();
        assert!(name == "a-1" && seen != pod.address_towards(ip), "{seen}");
    }
}
