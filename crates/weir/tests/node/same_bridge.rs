//! Which address does an endpoint see that is on its client's own bridge, and what of the bridge's other traffic?

use crate::{
    bed::{BOTH, Bed, Protocol, WEIR, ask, eventually, expect},
    objects::{Service, cluster_ips},
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use weir_testkit::cluster::{Host, NodePlan, POD_PORT};

/// One node with a-1 and a-2 on its bridge, weir on it, and a Service of a-1.
fn bridged(netfilter: bool, flags: &[&str]) -> Option<Bed> {
    let mut bed = Bed::laid_out(&[NodePlan::bridged("node-a", netfilter)])?;
    // Else pods may go on to send to the hardware address that their gateway had.
    for parameter in ["net/ipv4/conf/cni0/arp_notify", "net/ipv6/conf/cni0/ndisc_notify"] {
        bed.cluster.node("node-a").namespace().set_parameter(parameter, "1").unwrap();
    }
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    bed.start_weir("node-a", flags);
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    bed.wait_until_served(10);
    Some(bed)
}

fn service_addresses() -> [SocketAddr; 2] {
    cluster_ips(10).map(|ip| SocketAddr::new(ip, 80))
}

/// Waits until a-1 sees a-2's address.
fn a_2_keeps_its_address(bed: &Bed) {
    let client = bed.cluster.pod("a-2");
    for (protocol, to) in BOTH.into_iter().flat_map(|protocol| service_addresses().map(|to| (protocol, to))) {
        expect(client, protocol, to, Ok(("a-1", client.address_towards(to.ip()))));
    }
}

/// Everything nftables has for bridges on the node.
fn bridge_rules(bed: &Bed) -> String {
    bed.cluster.node("node-a").namespace().nft("list ruleset bridge").unwrap()
}

#[test]
fn a_pods_address_is_kept_towards_an_endpoint_on_its_bridge_whether_or_not_iptables_sees_it() {
    for netfilter in [false, true] {
        let Some(mut bed) = bridged(netfilter, &[]) else { return };
        a_2_keeps_its_address(&bed);
        let client = bed.cluster.pod("a-2");
        for to in service_addresses() {
            client.connect(to).unwrap().echo_bytes(4 << 20).unwrap();
            let answer = client.converse(to).unwrap().ask_at_length(8_000).unwrap();
            assert_eq!(answer.source.ip(), client.address_towards(to.ip()), "an answer in fragments");
        }
        // What the kernel remembers of fragments is no change of the rules.
        assert!(!bed.weir_mut("node-a").log().unwrap().contains("writing the rules"));
    }
}

#[test]
fn pods_that_join_the_bridge_later_keep_their_address_too() {
    let Some(mut bed) = bridged(true, &[]) else { return };
    a_2_keeps_its_address(&bed);
    // A bridge without an address of its own has the lowest of its ports, which may change with each one.
    for name in ["a-3", "a-4", "a-5"] {
        bed.start_pods(&[("node-a", name)]);
        let client = bed.cluster.pod(name);
        for to in service_addresses() {
            expect(client, Protocol::Tcp, to, Ok(("a-1", client.address_towards(to.ip()))));
        }
    }
    a_2_keeps_its_address(&bed);
}

#[test]
fn connections_go_on_when_the_bridge_gets_another_hardware_address() {
    let Some(bed) = bridged(false, &[]) else { return };
    a_2_keeps_its_address(&bed);
    let (node, client) = (bed.cluster.node("node-a").namespace(), bed.cluster.pod("a-2"));
    let mut kept = client.connect(service_addresses()[0]).unwrap();
    kept.echo_bytes(1_000).unwrap();
    let started = Instant::now();
    for number in 1..=4 {
        let address = format!("02:00:00:00:77:{number:02x}");
        node.ip(&["link", "set", "cni0", "address", &address]).unwrap();
        eventually("rules with the new address", true, || bridge_rules(&bed).contains(&address));
        kept.echo_bytes(1_000).unwrap();
    }
    // Found by looking every five seconds, the second and every later change alone would take that long.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    a_2_keeps_its_address(&bed);
}

#[test]
fn what_pods_on_a_bridge_send_each_other_directly_stays_on_the_bridge() {
    let Some(bed) = bridged(false, &[]) else { return };
    a_2_keeps_its_address(&bed);
    let (client, server) = (bed.cluster.pod("a-2"), bed.cluster.pod("a-1"));
    let refusing =
        "table inet firewall { chain forward { type filter hook forward priority 0; policy drop; }; }";
    bed.cluster.node("node-a").namespace().nft(refusing).unwrap();
    for to in [server.v4(), server.v6()].map(|ip| SocketAddr::new(ip, POD_PORT)) {
        for protocol in BOTH {
            assert_eq!(ask(client, protocol, to), Ok(("a-1".into(), client.address_towards(to.ip()))));
        }
        assert!(client.converse(to).unwrap().ask_at_length(8_000).is_ok());
    }
    a_2_keeps_its_address(&bed);
}

#[test]
fn a_bridge_that_is_not_the_endpoints_way_does_not_matter() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    // What an earlier network plugin has left: the routes of the pods lead elsewhere.
    let node = bed.cluster.node("node-a").namespace();
    node.ip(&["link", "add", "cni0", "type", "bridge"]).unwrap();
    for address in ["10.244.0.1/24", "fd00:10:244::1/64"] {
        node.ip(&["address", "add", address, "dev", "cni0", "nodad"]).unwrap();
    }
    node.ip(&["link", "set", "cni0", "up"]).unwrap();
    bed.start_weir("node-a", &[]);
    bed.serve(&Service::web("web", 10), &["a-1"]);
    a_2_keeps_its_address(&bed);
}

/// What an endpoint on the node sees of a process of the node.
fn a_process_of_the_node_is_seen_with_the_nodes_address(bed: &Bed) {
    let node: &Host = bed.cluster.node("node-a");
    for protocol in BOTH {
        for to in service_addresses() {
            expect(node, protocol, to, Ok(("a-1", node.address_towards(to.ip()))));
        }
    }
}

#[test]
fn a_process_of_the_node_is_seen_with_the_nodes_primary_address_by_endpoints_there() {
    let Some(bed) = bridged(false, &[]) else { return };
    a_process_of_the_node_is_seen_with_the_nodes_address(&bed);
    let node = bed.cluster.node("node-a");
    let node_port = SocketAddr::new(node.v4(), 30080);
    expect(node, Protocol::Tcp, node_port, Ok(("a-1", node.v4())));
    drop(bed);
    let Some(bed) = bridged(true, &[]) else { return };
    a_process_of_the_node_is_seen_with_the_nodes_address(&bed);
    drop(bed);
    let Some(bed) = Bed::single() else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    a_process_of_the_node_is_seen_with_the_nodes_address(&bed);
}

#[test]
fn rules_for_bridges_are_mended_and_go_with_the_bridge() {
    let Some(bed) = bridged(false, &[]) else { return };
    a_2_keeps_its_address(&bed);
    let node = bed.cluster.node("node-a").namespace();
    for damage in ["delete table bridge weir", "flush chain bridge weir prerouting"] {
        node.nft(damage).unwrap();
        eventually("the rules", true, || bridge_rules(&bed).contains("goto neighbours_0"));
        a_2_keeps_its_address(&bed);
    }
    node.ip(&["link", "del", "cni0"]).unwrap();
    eventually("no rules for bridges", String::new(), || bridge_rules(&bed));
}

#[test]
fn rules_for_bridges_go_at_an_orderly_end_and_with_a_clean_up() {
    let Some(mut bed) = bridged(true, &["--keep-rules=false"]) else { return };
    a_2_keeps_its_address(&bed);
    bed.stop_weir("node-a", |weir| {
        weir.signal("TERM").unwrap();
        assert!(weir.wait().unwrap().success());
    });
    assert_eq!(bridge_rules(&bed), "");
    bed.start_weir("node-a", &[]);
    a_2_keeps_its_address(&bed);
    bed.stop_weir("node-a", |weir| weir.kill().unwrap());
    assert_ne!(bridge_rules(&bed), "");
    let mut cleanup = bed.cluster.node("node-a").spawn(WEIR, &["cleanup"], &[]).unwrap();
    assert!(cleanup.wait().unwrap().success());
    assert!(cleanup.log().unwrap().contains("removed the nftables table bridge weir"));
    assert_eq!(bridge_rules(&bed), "");
}

#[test]
fn without_a_bridge_no_rules_for_bridges_are_written() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1")]);
    bed.start_weir("node-a", &[]);
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    assert_eq!(bridge_rules(&bed), "");
}
