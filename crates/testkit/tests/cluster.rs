//! Is the cluster of network namespaces one: do its hosts reach each other as in a cluster, and is it gone afterwards?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use std::{fs, net::SocketAddr, panic, time::Duration};
use weir_testkit::cluster::{Cluster, Failure, Host, NodePlan, POD_PORT};

fn cluster() -> Option<Cluster> {
    let mut cluster = Cluster::create(&[NodePlan::routed("node-a"), NodePlan::bridged("node-b", true)])?;
    for (node, pod) in [("node-a", "a-1"), ("node-a", "a-2"), ("node-b", "b-1"), ("node-b", "b-2")] {
        cluster.start_pod(node, pod);
    }
    Some(cluster)
}

fn addresses(host: &Host) -> [SocketAddr; 2] {
    [host.v4(), host.v6()].map(|ip| SocketAddr::new(ip, POD_PORT))
}

/// The name of who answers and the address that the client had, over TCP and UDP.
fn both(client: &Host, to: SocketAddr) -> (String, std::net::IpAddr) {
    let (tcp, udp) = (client.tcp(to), client.udp(to));
    let (Ok(tcp), Ok(udp)) = (&tcp, &udp) else {
        panic!("{} -> {to}: {tcp:?} over TCP, {udp:?} over UDP", client.name())
    };
    assert_eq!((&tcp.name, tcp.source.ip()), (&udp.name, udp.source.ip()));
    (tcp.name.clone(), tcp.source.ip())
}

#[test]
fn pods_and_nodes_reach_every_pod_from_their_own_address_in_both_families() {
    let Some(cluster) = cluster() else { return };
    let pods = ["a-1", "a-2", "b-1", "b-2"].map(|name| cluster.pod(name));
    for server in pods {
        for to in addresses(server) {
            for client in pods {
                let answer = both(client, to);
                assert_eq!(answer, (server.name().to_owned(), client.address_towards(to.ip())));
            }
            for node in cluster.nodes() {
                assert_eq!(both(node, to).0, server.name());
            }
        }
    }
}

#[test]
fn what_pods_send_to_others_than_pods_comes_from_their_node() {
    let Some(cluster) = cluster() else { return };
    let _outside = cluster.outside().start_servers(9000).unwrap();
    let _host_network = cluster.node("node-b").start_servers(9000).unwrap();
    for (client, node) in [("a-1", "node-a"), ("b-1", "node-b")] {
        for ip in [cluster.outside().v4(), cluster.outside().v6()] {
            let answer = both(cluster.pod(client), SocketAddr::new(ip, 9000));
            assert_eq!(answer, ("outside".to_owned(), cluster.node(node).address_towards(ip)));
        }
    }
    let to = SocketAddr::new(cluster.node("node-b").v4(), 9000);
    assert_eq!(both(cluster.pod("a-1"), to).1, cluster.node("node-a").v4());
}

#[test]
fn the_outside_client_has_two_addresses_and_reaches_a_network_where_it_is_attracted() {
    let Some(cluster) = cluster() else { return };
    let node = cluster.node("node-b");
    node.namespace().ip(&["address", "add", "198.51.100.10/32", "dev", "lo"]).unwrap();
    let vip: SocketAddr = "198.51.100.10:9000".parse().unwrap();
    let _serving = node.start_servers_at("vip", vip).unwrap();
    cluster.attract("198.51.100.10/32", "node-b");
    for source in ["203.0.113.2", "203.0.113.130"] {
        let reply = cluster.outside().client().from(source.parse().unwrap()).tcp(vip).unwrap();
        assert_eq!((reply.name.as_str(), reply.source.ip()), ("vip", source.parse().unwrap()));
    }
}

#[test]
fn refusal_reset_and_silence_are_told_apart() {
    let Some(cluster) = cluster() else { return };
    let (client, server) = (cluster.pod("a-1"), cluster.pod("b-1"));
    let nobody = SocketAddr::new(server.v4(), 1);
    assert_eq!((client.tcp(nobody), client.udp(nobody)), (Err(Failure::Refused), Err(Failure::Refused)));
    let mut connection = client.connect(addresses(server)[0]).unwrap();
    connection.echo().unwrap();
    let filter = |rule: &str| {
        let chain = format!("type filter hook input priority 0; {rule}");
        let table = format!(
            "add table inet deaf\nflush table inet deaf\ntable inet deaf {{ chain input {{\n{chain}\n}}\n}}"
        );
        server.namespace().nft(&table).unwrap();
    };
    filter("meta l4proto { tcp, udp } drop");
    let briefly = client.client().within(Duration::from_millis(300));
    let [v4, _] = addresses(server);
    assert_eq!((briefly.tcp(v4), briefly.udp(v4)), (Err(Failure::TimedOut), Err(Failure::TimedOut)));
    filter("meta l4proto tcp reject with tcp reset");
    assert_eq!(connection.echo(), Err(Failure::Reset));
}

#[test]
fn a_pod_that_ended_is_gone_and_a_new_one_has_another_address() {
    let Some(mut cluster) = cluster() else { return };
    for (node, pod) in [("node-a", "a-2"), ("node-b", "b-2")] {
        let [before, _] = addresses(cluster.pod(pod));
        cluster.stop_pod(pod);
        let briefly = cluster.pod("a-1").client().within(Duration::from_millis(300));
        assert!(briefly.tcp(before).is_err(), "{pod}");
        let [after, _] = addresses(cluster.start_pod(node, pod));
        assert_ne!(before, after);
        assert_eq!(both(cluster.pod("b-1"), after).0, pod);
    }
}

#[test]
fn a_node_without_ipv6_still_has_pods() {
    let plan = NodePlan { ipv6: false, ..NodePlan::routed("node-a") };
    let Some(mut cluster) = Cluster::create(&[plan, NodePlan::routed("node-b")]) else { return };
    cluster.start_pod("node-a", "a-1");
    cluster.start_pod("node-b", "b-1");
    let [v4, v6] = addresses(cluster.pod("a-1"));
    assert_eq!(both(cluster.pod("b-1"), v4).0, "a-1");
    assert!(cluster.pod("b-1").client().within(Duration::from_millis(300)).tcp(v6).is_err());
}

#[test]
fn much_is_exchanged_over_both_protocols() {
    let Some(cluster) = cluster() else { return };
    for to in addresses(cluster.pod("b-1")) {
        cluster.pod("a-1").connect(to).unwrap().echo_bytes(1 << 20).unwrap();
        assert_eq!(cluster.pod("a-1").converse(to).unwrap().ask_at_length(8_000).unwrap().name, "b-1");
    }
}

#[test]
fn programs_run_on_their_host_are_heard_and_end_with_their_handle() {
    let Some(cluster) = cluster() else { return };
    let node = cluster.node("node-b");
    let mut program = node.spawn("ip", &["-brief", "address", "show", "cni0"], &[]).unwrap();
    assert!(program.wait().unwrap().success());
    assert!(program.log().unwrap().contains("10.244.1.1/24"), "{}", program.log().unwrap());
    let sleeper = node.spawn("sleep", &["1000"], &[]).unwrap();
    let process = format!("/proc/{}", sleeper.id());
    assert!(fs::exists(&process).unwrap());
    drop(sleeper);
    assert!(!fs::exists(&process).unwrap());
}

#[test]
fn nothing_is_left_behind_not_even_after_a_panic() {
    let Some(cluster) = cluster() else { return };
    let names: Vec<String> = cluster.nodes().map(|node| node.namespace().name().to_owned()).collect();
    let exist = |name: &String| fs::exists(format!("/run/netns/{name}")).unwrap();
    assert!(names.iter().all(exist));
    let panicked = panic::catch_unwind(panic::AssertUnwindSafe(move || {
        let _cluster = cluster;
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert!(!names.iter().any(exist));
}

#[test]
fn the_api_server_is_reached_from_every_node() {
    let Some(cluster) = cluster() else { return };
    for node in cluster.nodes() {
        let answer = node.http(cluster.api().address(), "/readyz").unwrap();
        assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with("ok"), "{answer}");
    }
    let (node, api) = (cluster.node("node-a"), cluster.api().address());
    cluster.stop_api();
    assert_eq!(node.http(api, "/readyz"), Err(Failure::Refused));
    cluster.restart_api();
    assert!(node.http(api, "/readyz").is_ok());
}
