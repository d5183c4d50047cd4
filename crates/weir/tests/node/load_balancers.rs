//! What does a Service of type LoadBalancer get: its VIPs, source ranges and health checks?

use crate::{
    bed::{BOTH, Bed, Protocol, ask_from, eventually, expect},
    objects::{Service, cluster_ips},
};
use serde_json::json;
use std::net::SocketAddr;
use weir_testkit::cluster::Failure;

const VIPS: [&str; 2] = ["198.51.100.10", "2001:db8:a::10"];

fn vips() -> [SocketAddr; 2] {
    VIPS.map(|ip| SocketAddr::new(ip.parse().unwrap(), 80))
}

fn attract(bed: &Bed) {
    for network in ["198.51.100.0/24", "2001:db8:a::/64"] {
        bed.cluster.attract(network, "node-a");
    }
}

#[test]
fn a_vip_is_served_to_outside_clients_and_to_pods_and_nodes_without_leaving_the_node() {
    let Some(bed) = Bed::standard() else { return };
    attract(&bed);
    bed.serve(&Service::web("web", 10).node_port(30080).vips(&VIPS), &["b-1"]);
    let cluster = &bed.cluster;
    for (protocol, to) in BOTH.into_iter().flat_map(|protocol| vips().map(|to| (protocol, to))) {
        let node = cluster.node("node-a").address_towards(to.ip());
        expect(cluster.outside(), protocol, to, Ok(("b-1", node)));
        for client in [cluster.pod("a-1"), cluster.pod("b-2"), cluster.node("node-a"), cluster.node("node-b")]
        {
            let what = format!("{} -> {to} over {protocol:?}", client.name());
            eventually(&what, true, || {
                crate::bed::ask(client, protocol, to).is_ok_and(|(name, _)| name == "b-1")
            });
        }
    }
}

#[test]
fn source_ranges_let_only_their_clients_through_and_only_at_vips() {
    let Some(bed) = Bed::single() else { return };
    attract(&bed);
    let ranges = json!(["203.0.113.0/25", "2001:db8:f::/113"]);
    let service = Service::web("web", 10).node_port(30080).vips(&VIPS);
    bed.serve(&service.set("loadBalancerSourceRanges", ranges), &["a-1"]);
    bed.wait_until_served(10);
    let (outside, node, pod) = (bed.cluster.outside(), bed.cluster.node("node-a"), bed.cluster.pod("a-2"));
    let (inside, beyond) = (["203.0.113.2", "2001:db8:f::2"], ["203.0.113.130", "2001:db8:f::8002"]);
    for protocol in BOTH {
        for (index, to) in vips().into_iter().enumerate() {
            let from = |source: &str| ask_from(outside, source.parse().unwrap(), protocol, to);
            let served = Ok(("a-1".to_owned(), bed.masqueraded("a-1", to.ip())));
            eventually("inside", served, || from(inside[index]));
            eventually("beyond", Err(Failure::TimedOut), || from(beyond[index]));
            expect(pod, protocol, to, Err(Failure::TimedOut));
            let node_port = SocketAddr::new(node.address_towards(to.ip()), 30080);
            let answer = ask_from(outside, beyond[index].parse().unwrap(), protocol, node_port);
            assert_eq!(answer, Ok(("a-1".to_owned(), bed.masqueraded("a-1", node_port.ip()))));
        }
    }
}

#[test]
fn an_external_ip_is_served_where_the_operator_allows_it() {
    let Some(mut bed) = Bed::without_weir(&[crate::bed::plan("node-a")]) else {
        return;
    };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    bed.start_weir("node-a", &["--allow-external-ips", "198.51.100.0/24"]);
    attract(&bed);
    let service = Service::web("web", 10).set("externalIPs", json!(["198.51.100.20", "192.0.2.1"]));
    bed.serve(&service, &["a-1"]);
    bed.wait_until_served(10);
    let (outside, pod) = (bed.cluster.outside(), bed.cluster.pod("a-2"));
    for protocol in BOTH {
        let to: SocketAddr = "198.51.100.20:80".parse().unwrap();
        expect(outside, protocol, to, Ok(("a-1", bed.masqueraded("a-1", to.ip()))));
        let stolen = crate::bed::ask(pod, protocol, "192.0.2.1:80".parse().unwrap());
        assert!(stolen.is_err(), "{stolen:?}");
    }
}

#[test]
fn node_port_and_health_check_follow_a_change_of_external_policy() {
    let Some(bed) = Bed::standard() else { return };
    let local = Service::web("web", 10).node_port(30080).vips(&VIPS);
    let local = local.set("externalTrafficPolicy", json!("Local")).set("healthCheckNodePort", json!(32100));
    let cluster =
        local.clone().set("externalTrafficPolicy", json!("Cluster")).set("healthCheckNodePort", json!(null));
    let (outside, a, b) = (bed.cluster.outside(), bed.cluster.node("node-a"), bed.cluster.node("node-b"));
    let at = |host: &weir_testkit::cluster::Host, port| SocketAddr::new(host.v4(), port);
    for _ in 0..2 {
        bed.serve(&local, &["b-1"]);
        for protocol in BOTH {
            expect(outside, protocol, at(a, 30080), Err(Failure::TimedOut));
            expect(outside, protocol, at(b, 30080), Ok(("b-1", outside.v4())));
        }
        eventually("health checks", true, || outside.http(at(b, 32100), "/").is_ok());
        bed.serve(&cluster, &["b-1"]);
        for protocol in BOTH {
            expect(outside, protocol, at(a, 30080), Ok(("b-1", a.v4())));
        }
        eventually("no health checks", Err(Failure::Refused), || outside.http(at(b, 32100), "/").map(drop));
    }
}

#[test]
fn health_check_node_ports_count_local_endpoints_and_fail_with_only_terminating_ones() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10).node_port(30080).vips(&VIPS);
    let service =
        service.set("externalTrafficPolicy", json!("Local")).set("healthCheckNodePort", json!(32100));
    bed.serve(&service, &["a-1", "a-2"]);
    let status = |node: &str, v6: bool| {
        let host = bed.cluster.node(node);
        let ip = if v6 { host.v6() } else { host.v4() };
        let answer = bed.cluster.outside().http(SocketAddr::new(ip, 32100), "/").ok()?;
        answer.split(' ').nth(1).map(str::to_owned)
    };
    let all = || [("node-a", false), ("node-a", true), ("node-b", false)].map(|(node, v6)| status(node, v6));
    let answers = |a: &str, b: &str| [a, a, b].map(|status| Some(status.to_owned()));
    eventually("health of both nodes", answers("200", "503"), all);
    bed.endpoints(&service, &[bed.ready("a-1").terminating(), bed.ready("b-1")]);
    eventually("health with only a terminating endpoint", answers("503", "200"), all);
    // Traffic goes on to it nevertheless.
    let outside = bed.cluster.outside();
    expect(
        outside,
        Protocol::Tcp,
        SocketAddr::new(bed.cluster.node("node-a").v4(), 30080),
        Ok(("a-1", outside.v4())),
    );
    service.delete(bed.cluster.api());
    eventually("the end of health checks", [None, None, None], all);
    expect(
        bed.cluster.pod("a-2"),
        Protocol::Tcp,
        SocketAddr::new(cluster_ips(10)[0], 80),
        Err(Failure::TimedOut),
    );
}
