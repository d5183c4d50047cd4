//! Do packets to a Service without an endpoint here go on untouched, where it asks for that? (kep#6272, semantics N3)
//!
//! Outside clients' packets to the VIPs come to node-a, and from there the network takes them to a host that has the VIPs,
//! too, as with anycast. Its answers do not come through node-a.

use crate::{
    bed::{BOTH, Bed, Protocol, ask, ask_from, eventually, expect},
    objects::{Endpoint, Service, cluster_ips},
};
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use weir_testkit::cluster::{Failure, HostServers, NodePlan};

const VIPS: [&str; 2] = ["198.51.100.10", "2001:db8:a::10"];

fn vips() -> [SocketAddr; 2] {
    VIPS.map(|ip| SocketAddr::new(ip.parse().unwrap(), 80))
}

fn passing() -> Service {
    let service = Service::web("web", 10).node_port(30080).vips(&VIPS);
    service.set("externalTrafficPolicy", json!("Local")).annotate("weir.dev/no-local-endpoints", "pass")
}

/// The pods a-1 and a-2 on node-a, b-1 on node-b, and another host with the VIPs.
fn bed(node_a: NodePlan<'_>) -> Option<(Bed, Vec<HostServers>)> {
    let mut bed = Bed::laid_out(&[node_a, NodePlan::bridged("node-b", false)])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-b", "b-1")]);
    let elsewhere = bed.cluster.control_plane();
    let mut servers = Vec::new();
    for (vip, network) in vips().into_iter().zip(["198.51.100.0/24", "2001:db8:a::/64"]) {
        bed.cluster.attract(network, "node-a");
        bed.cluster.route(network, elsewhere);
        let added = match vip.ip() {
            IpAddr::V4(ip) => format!("address add {ip}/32 dev lo"),
            IpAddr::V6(ip) => format!("address add {ip}/128 dev lo nodad"),
        };
        elsewhere.namespace().ip_lines(&added).unwrap();
        servers.push(elsewhere.start_servers_at("elsewhere", vip).unwrap());
    }
    bed.start_weir("node-a", &[]);
    Some((bed, servers))
}

fn on_each_network(test: impl Fn(Bed)) {
    for plan in [NodePlan::routed("node-a"), NodePlan::bridged("node-a", true)] {
        let Some((bed, _servers)) = bed(plan) else { return };
        test(bed);
    }
}

#[test]
fn without_an_endpoint_here_outside_clients_reach_another_place_and_pods_and_the_node_are_served() {
    on_each_network(|bed| {
        bed.serve(&passing(), &["b-1"]);
        bed.wait_until_served(10);
        let (outside, node, pod) =
            (bed.cluster.outside(), bed.cluster.node("node-a"), bed.cluster.pod("a-2"));
        for (protocol, to) in BOTH.into_iter().flat_map(|protocol| vips().map(|to| (protocol, to))) {
            // It sees the client: nobody has touched the packets.
            expect(outside, protocol, to, Ok(("elsewhere", outside.address_towards(to.ip()))));
            for inside in [pod, node] {
                let what = format!("{} -> {to} over {protocol:?}", inside.name());
                eventually(&what, Ok("b-1".to_owned()), || ask(inside, protocol, to).map(|(name, _)| name));
            }
            let node_port = SocketAddr::new(node.address_towards(to.ip()), 30080);
            expect(outside, protocol, node_port, Err(Failure::TimedOut));
        }
        for to in vips() {
            outside.connect(to).unwrap().echo_bytes(1 << 20).unwrap();
        }
    });
}

#[test]
fn without_any_endpoint_pods_pass_too_and_only_the_nodes_own_processes_are_refused() {
    on_each_network(|bed| {
        bed.serve(&passing(), &[]);
        let (outside, node, pod) =
            (bed.cluster.outside(), bed.cluster.node("node-a"), bed.cluster.pod("a-2"));
        for (protocol, to) in BOTH.into_iter().flat_map(|protocol| vips().map(|to| (protocol, to))) {
            expect(outside, protocol, to, Ok(("elsewhere", outside.address_towards(to.ip()))));
            // The network plugin masquerades what leaves the pods' networks.
            expect(pod, protocol, to, Ok(("elsewhere", node.address_towards(to.ip()))));
            expect(node, protocol, to, Err(Failure::Refused));
            expect(pod, protocol, SocketAddr::new(cluster_ips(10)[0], 80), Err(Failure::Refused));
        }
    });
}

#[test]
fn open_connections_and_flows_in_progress_go_on_when_the_last_endpoint_here_leaves() {
    on_each_network(|bed| {
        let (service, outside) = (passing(), bed.cluster.outside());
        // Cluster first: then these endpoints elsewhere serve flows that no new client gets (semantics C3).
        let cluster = service.clone().set("externalTrafficPolicy", json!("Cluster"));
        bed.serve(&cluster, &["b-1"]);
        let kept = vips().map(|to| {
            eventually("an answer", true, || {
                BOTH.iter().all(|protocol| ask(outside, *protocol, to).is_ok_and(|(name, _)| name == "b-1"))
            });
            let (mut connection, flow) = (outside.connect(to).unwrap(), outside.converse(to).unwrap());
            connection.echo().unwrap();
            assert_eq!(flow.ask().unwrap().name, "b-1");
            (to, connection, flow)
        });
        bed.serve(&service, &["b-1"]);
        for (to, mut connection, flow) in kept {
            for protocol in BOTH {
                let what = format!("a new client of {to} over {protocol:?}");
                eventually(&what, Ok("elsewhere".to_owned()), || {
                    assert_eq!(flow.ask().unwrap().name, "b-1", "{to}");
                    connection.echo().unwrap();
                    ask(outside, protocol, to).map(|(name, _)| name)
                });
            }
        }
    });
}

#[test]
fn a_client_moves_on_when_its_endpoint_is_gone_and_comes_back_with_it() {
    on_each_network(|bed| {
        let (service, outside) = (passing(), bed.cluster.outside());
        bed.serve(&service, &["a-1", "b-1"]);
        for to in vips() {
            for protocol in BOTH {
                expect(outside, protocol, to, Ok(("a-1", outside.address_towards(to.ip()))));
            }
        }
        let kept = vips().map(|to| (outside.connect(to).unwrap(), outside.converse(to).unwrap()));
        let kept = kept.map(|(mut connection, flow)| {
            connection.echo().unwrap();
            flow.ask().unwrap();
            (connection, flow)
        });
        bed.endpoints(&service, &[bed.ready("b-1")]);
        let passed = vips().map(|to| {
            for protocol in BOTH {
                expect(outside, protocol, to, Ok(("elsewhere", outside.address_towards(to.ip()))));
            }
            outside.connect(to).unwrap()
        });
        for (mut connection, flow) in kept {
            connection.echo().unwrap();
            // From the same port: it is remembered for a while.
            eventually("the flow", Ok("elsewhere".to_owned()), || flow.ask().map(|reply| reply.name));
        }
        bed.endpoints(&service, &[bed.ready("a-1"), bed.ready("b-1")]);
        let bound = bed.cluster.node("node-a").namespace().parameter("net/bridge/bridge-nf-call-iptables");
        for (to, mut connection) in vips().into_iter().zip(passed) {
            for protocol in BOTH {
                expect(outside, protocol, to, Ok(("a-1", outside.address_towards(to.ip()))));
            }
            if bound.as_deref().unwrap_or("0") == "0" {
                connection.echo().unwrap();
            }
        }
    });
}

#[test]
fn who_is_outside_of_the_source_ranges_does_not_pass_and_without_the_annotation_nobody_does() {
    let Some((bed, _servers)) = bed(NodePlan::routed("node-a")) else { return };
    let outside = bed.cluster.outside();
    let ranges = json!(["203.0.113.0/25", "2001:db8:f::/113"]);
    let (inside, beyond) = (["203.0.113.2", "2001:db8:f::2"], ["203.0.113.130", "2001:db8:f::8002"]);
    bed.serve(&passing().set("loadBalancerSourceRanges", ranges), &["b-1"]);
    for (protocol, (index, to)) in
        BOTH.into_iter().flat_map(|protocol| vips().into_iter().enumerate().map(move |to| (protocol, to)))
    {
        let from = |source: [&str; 2]| {
            ask_from(outside, source[index].parse().unwrap(), protocol, to).map(|(name, _)| name)
        };
        eventually("inside", Ok("elsewhere".to_owned()), || from(inside));
        eventually("beyond", Err(Failure::TimedOut), || from(beyond));
    }
    let silent = passing().annotate("weir.dev/no-local-endpoints", "drop");
    bed.endpoints(&silent, &[Endpoint::ready(&bed.cluster, "b-1")]);
    silent.apply(bed.cluster.api());
    for (protocol, to) in BOTH.into_iter().flat_map(|protocol| vips().map(|to| (protocol, to))) {
        expect(outside, protocol, to, Err(Failure::TimedOut));
    }
    let node_port = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
    expect(outside, Protocol::Tcp, node_port, Err(Failure::TimedOut));
}
