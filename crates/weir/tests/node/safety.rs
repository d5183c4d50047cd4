//! Does weir open what was closed before, and does it work on hosts that close or lack much?

use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually, expect, plan},
    objects::{Service, cluster_ips},
};
use std::net::SocketAddr;
use weir_testkit::cluster::{Failure, NodePlan};

#[test]
fn nothing_that_listens_on_the_node_is_reachable_through_a_service_address() {
    let Some(bed) = Bed::single() else { return };
    let node = bed.cluster.node("node-a");
    let everywhere = ["0.0.0.0:9999", "0.0.0.0:80", "127.0.0.1:9998"];
    let start = |address: &str| node.start_servers_at("host-process", address.parse().unwrap()).unwrap();
    let _listening = everywhere.map(start);
    bed.cluster.attract("172.30.0.0/16", "node-a");
    bed.cluster.attract("198.51.100.0/24", "node-a");
    bed.serve(&Service::web("web", 10).node_port(30080).vips(&["198.51.100.10"]), &["a-1"]);
    bed.serve(&Service::web("empty", 11).node_port(30081).vips(&["198.51.100.11"]), &[]);
    bed.wait_until_served(10);
    let [web, empty] = [10, 11].map(|number| cluster_ips(number)[0]);
    for client in [bed.cluster.pod("a-2"), bed.cluster.outside(), node] {
        for protocol in BOTH {
            expect(client, protocol, SocketAddr::new(empty, 80), Err(Failure::Refused));
            for ip in [web, empty, "198.51.100.10".parse().unwrap(), "198.51.100.11".parse().unwrap()] {
                for port in [9998, 9999] {
                    let answer = ask(client, protocol, SocketAddr::new(ip, port));
                    assert!(answer.is_err(), "{} -> {ip}:{port}: {answer:?}", client.name());
                }
            }
            let vip = ask(client, protocol, "198.51.100.11:80".parse().unwrap());
            assert_eq!(vip, Err(Failure::Refused), "{}", client.name());
        }
    }
}

#[test]
fn loopback_addresses_do_not_serve_node_ports_and_the_kernel_is_not_told_to_route_them() {
    let Some(bed) = Bed::single() else { return };
    let node = bed.cluster.node("node-a");
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    bed.wait_until_served(10);
    eventually("the node port", true, || ask(node, Protocol::Tcp, SocketAddr::new(node.v4(), 30080)).is_ok());
    for protocol in BOTH {
        for to in ["127.0.0.1:30080", "[::1]:30080"] {
            assert_eq!(ask(node, protocol, to.parse().unwrap()), Err(Failure::Refused), "{to}");
        }
    }
    for interface in ["all", "default", "lo", "eth0"] {
        let parameter = format!("net/ipv4/conf/{interface}/route_localnet");
        assert_eq!(node.namespace().parameter(&parameter).unwrap(), "0", "{interface}");
    }
}

#[test]
fn a_host_without_ipv6_serves_ipv4() {
    let plan = NodePlan { ipv6: false, ..plan("node-a") };
    let Some(mut bed) = Bed::without_weir(&[plan]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    bed.start_weir("node-a", &[]);
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    let (pod, node) = (bed.cluster.pod("a-2"), bed.cluster.node("node-a"));
    for protocol in BOTH {
        expect(pod, protocol, SocketAddr::new(cluster_ips(10)[0], 80), Ok(("a-1", pod.v4())));
        expect(
            bed.cluster.outside(),
            protocol,
            SocketAddr::new(node.v4(), 30080),
            Ok(("a-1", bed.masqueraded("a-1", node.v4()))),
        );
    }
    let log = bed.weir_mut("node-a").log().unwrap();
    assert!(!log.contains("ERROR"), "{log}");
}

/// What a careful administrator writes who has read the documentation: weir's mark is let in, all else is dropped.
const FIREWALL: &str = "
table inet firewall {
  chain input {
    type filter hook input priority filter; policy drop
    iif lo accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    meta mark and 0x40000000 == 0x40000000 accept
    tcp dport { 22, 10250, 10256 } accept
  }
}";

#[test]
fn a_host_firewall_that_drops_what_comes_in_need_only_let_weirs_mark_pass() {
    let Some(bed) = Bed::standard() else { return };
    for node in bed.cluster.nodes() {
        node.namespace().nft(FIREWALL).unwrap();
    }
    crate::reach::everybody_reaches_a_service(&bed);
    let node = bed.cluster.node("node-a");
    let _listening = node.start_servers(9999).unwrap();
    let answer = ask(bed.cluster.outside(), Protocol::Tcp, SocketAddr::new(node.v4(), 9999));
    assert_eq!(answer, Err(Failure::TimedOut));
}
