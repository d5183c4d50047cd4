//! Do processes of a node reach node ports on localhost where that is asked for, and nobody else? (semantics A4)

use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually, expect, names},
    objects::Service,
};
use serde_json::json;
use std::net::SocketAddr;
use weir_testkit::cluster::{Failure, NodePlan};

const WITH_LOCALHOST: [&str; 2] = ["--node-port-addresses", "primary,localhost"];

fn on_localhost(port: u16) -> [SocketAddr; 2] {
    ["127.0.0.1", "::1"].map(|ip| SocketAddr::new(ip.parse().unwrap(), port))
}

/// The pods a-1 and a-2 on node-a, which serves node ports here; b-1 on the bridge of node-b.
fn bed(flags: &[&str]) -> Option<Bed> {
    let mut bed = Bed::laid_out(&[NodePlan::routed("node-a"), NodePlan::bridged("node-b", false)])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-b", "b-1")]);
    bed.start_weir("node-a", flags);
    Some(bed)
}

#[test]
fn node_ports_on_localhost_serve_the_nodes_own_processes_over_tcp_and_udp_in_both_families() {
    let Some(bed) = bed(&WITH_LOCALHOST) else { return };
    let (node, outside) = (bed.cluster.node("node-a"), bed.cluster.outside());
    bed.serve(&Service::web("near", 10).node_port(30080), &["a-1"]);
    bed.serve(&Service::web("far", 11).node_port(30081), &["b-1"]);
    for (name, port) in [("a-1", 30080), ("b-1", 30081)] {
        for (protocol, to) in
            BOTH.into_iter().flat_map(|protocol| on_localhost(port).map(|to| (protocol, to)))
        {
            // The endpoint sees the node.
            expect(node, protocol, to, Ok((name, node.address_towards(to.ip()))));
            let primary = SocketAddr::new(node.address_towards(to.ip()), port);
            expect(outside, protocol, primary, Ok((name, primary.ip())));
        }
        for to in on_localhost(port) {
            node.connect(to).unwrap().echo_bytes(8 << 20).unwrap();
            assert_eq!(node.converse(to).unwrap().ask_at_length(8_000).unwrap().name, name);
        }
    }
}

#[test]
fn localhost_alone_serves_no_other_address_and_all_serves_every_one() {
    for (flag, elsewhere) in [("localhost", false), ("all", true), ("127.0.0.0/8,::1/128", false)] {
        let Some(bed) = bed(&["--node-port-addresses", flag]) else { return };
        let (node, outside) = (bed.cluster.node("node-a"), bed.cluster.outside());
        bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
        for (protocol, to) in
            BOTH.into_iter().flat_map(|protocol| on_localhost(30080).map(|to| (protocol, to)))
        {
            let own = node.address_towards(to.ip());
            expect(node, protocol, to, Ok(("a-1", own)));
            let wanted = if elsewhere { Ok(("a-1", own)) } else { Err(Failure::Refused) };
            expect(outside, protocol, SocketAddr::new(own, 30080), wanted);
        }
    }
}

#[test]
fn on_localhost_traffic_policy_affinity_and_missing_endpoints_count_as_for_the_nodes_own_processes() {
    let Some(bed) = bed(&WITH_LOCALHOST) else { return };
    let node = bed.cluster.node("node-a");
    let service = Service::web("web", 10).node_port(30080);
    let expect_all = |wanted: Result<&str, Failure>| {
        for protocol in BOTH {
            for to in on_localhost(30080) {
                let wanted = wanted.clone().map(|name| (name, node.address_towards(to.ip())));
                expect(node, protocol, to, wanted);
            }
        }
    };
    // No endpoint is here, and the node's own processes get any (semantics P6).
    bed.serve(&service.clone().set("externalTrafficPolicy", json!("Local")), &["b-1"]);
    expect_all(Ok("b-1"));
    bed.endpoints(&service, &[]);
    expect_all(Err(Failure::Refused));
    let sticky = service.set("sessionAffinity", json!("ClientIP"));
    bed.serve(&sticky, &["a-1", "a-2", "b-1"]);
    for (protocol, to) in BOTH.into_iter().flat_map(|protocol| on_localhost(30080).map(|to| (protocol, to))) {
        eventually(&format!("an answer at {to}"), true, || ask(node, protocol, to).is_ok());
        eventually(&format!("affinity at {to}"), 1, || names(node, protocol, to).len());
    }
    // Endpoints of which none listens.
    sticky.slices(bed.cluster.api(), "", 9, &[bed.ready("a-1")]);
    for to in on_localhost(30080) {
        expect(node, Protocol::Udp, to, Err(Failure::Refused));
    }
}

#[test]
fn a_process_of_the_host_keeps_its_port_on_localhost_and_disturbs_nothing_else() {
    let Some(mut bed) = bed(&[]) else { return };
    bed.stop_weir("node-a", |weir| weir.kill().unwrap());
    let holder =
        bed.cluster.node("node-a").start_servers_at("host-process", "[::]:30080".parse().unwrap()).unwrap();
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    bed.serve(&Service::web("other", 11).node_port(30081), &["a-1"]);
    bed.start_weir("node-a", &WITH_LOCALHOST);
    bed.wait_until_served(10);
    for to in on_localhost(30080) {
        let line = format!("cannot serve node-port {to} of default/web:tcp-80/TCP");
        let holder = format!("(process {})", std::process::id());
        let names = |log: &str| log.lines().any(|said| said.contains(&line) && said.contains(&holder));
        eventually(&line, true, || names(&bed.weir_mut("node-a").log().unwrap()));
    }
    let (node, outside) = (bed.cluster.node("node-a"), bed.cluster.outside());
    for (protocol, [held, free]) in BOTH.into_iter().flat_map(|protocol| {
        [0, 1].map(|family| (protocol, [30080, 30081].map(|port| on_localhost(port)[family])))
    }) {
        assert_eq!(ask(node, protocol, held).map(|(name, _)| name).as_deref(), Ok("host-process"), "{held}");
        let own = node.address_towards(free.ip());
        expect(node, protocol, free, Ok(("a-1", own)));
        expect(outside, protocol, SocketAddr::new(own, 30080), Ok(("a-1", own)));
    }
    drop(holder);
    for protocol in BOTH {
        for to in on_localhost(30080) {
            expect(node, protocol, to, Ok(("a-1", node.address_towards(to.ip()))));
        }
    }
}

#[test]
fn nobody_outside_the_node_reaches_localhost_even_where_the_kernel_routes_it() {
    let Some(bed) = bed(&WITH_LOCALHOST) else { return };
    let (node, stranger) = (bed.cluster.node("node-a"), bed.cluster.pod("a-2"));
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    for protocol in BOTH {
        for to in on_localhost(30080) {
            expect(node, protocol, to, Ok(("a-1", node.address_towards(to.ip()))));
        }
    }
    let _unguarded = node.start_servers_at("unguarded", "127.0.0.1:9999".parse().unwrap()).unwrap();
    // A host whose 127.0.0.1 is the node's.
    stranger.namespace().set_parameter("net/ipv4/conf/all/route_localnet", "1").unwrap();
    stranger.namespace().ip(&["address", "delete", "127.0.0.1/8", "dev", "lo"]).unwrap();
    stranger.namespace().ip(&["route", "add", "127.0.0.1/32", "via", "169.254.1.1", "dev", "eth0"]).unwrap();
    let ask_both = |port| BOTH.map(|protocol| ask(stranger, protocol, on_localhost(port)[0]));
    let silence = [Err(Failure::TimedOut), Err(Failure::TimedOut)];
    assert_eq!(ask_both(30080), silence);
    assert_eq!(ask_both(9999), silence);
    assert_eq!(node.namespace().parameter("net/ipv4/conf/all/route_localnet").unwrap(), "0");
    node.namespace().set_parameter("net/ipv4/conf/all/route_localnet", "1").unwrap();
    for answer in ask_both(9999) {
        assert_eq!(answer.map(|(name, _)| name).as_deref(), Ok("unguarded"), "what the parameter opens");
    }
    assert_eq!(ask_both(30080), silence);
}

#[test]
fn a_newcomer_serves_on_localhost_once_the_older_weir_has_ended() {
    let Some(mut bed) = bed(&WITH_LOCALHOST) else { return };
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    let served = |bed: &Bed| {
        let node = bed.cluster.node("node-a");
        for (protocol, to) in
            BOTH.into_iter().flat_map(|protocol| on_localhost(30080).map(|to| (protocol, to)))
        {
            expect(node, protocol, to, Ok(("a-1", node.address_towards(to.ip()))));
        }
    };
    served(&bed);
    let flags = [&WITH_LOCALHOST[..], &["--takeover", "--health-address", "127.0.0.1:10356"]].concat();
    let _newcomer = bed.spawn_weir("node-a", &flags);
    eventually("the rules of the newcomer", true, || {
        let answer = bed.cluster.node("node-a").http("127.0.0.1:10356".parse().unwrap(), "/livez");
        answer.is_ok_and(|answer| answer.contains(" 200 "))
    });
    served(&bed);
    bed.stop_weir("node-a", |older| older.kill().unwrap());
    served(&bed);
}
