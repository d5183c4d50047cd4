//! Does Service traffic get through firewalls of forwarded packets that admit it, and when do its packets go there at all?

use crate::{
    bed::{Bed, Protocol, ask, expect},
    network_policies::{
        everywhere, expect_forwarding, expect_served, expect_silence, isolates, judge, one_node,
    },
    objects::{Endpoint, Service, cluster_ips},
    reach,
};
use std::net::SocketAddr;
use weir_testkit::cluster::{Failure, NodePlan, POD_PORT};

/// What Docker sets, and the one rule that lets weir's packets pass.
const DROPS_BY_DEFAULT: &str = "
table inet firewall {
  chain forward {
    type filter hook forward priority filter; policy drop
    ct state established,related accept
    iifname weir1 accept
    iifname { \"cali*\", cni0 } accept
  }
}";

#[test]
fn a_forward_chain_that_drops_by_default_need_only_let_weirs_interface_pass() {
    let Some(bed) = Bed::standard() else { return };
    for node in bed.cluster.nodes() {
        node.namespace().nft(DROPS_BY_DEFAULT).unwrap();
        expect_forwarding(&bed, node.name(), true);
    }
    // Each is let in by the node of the other, too.
    for node in bed.cluster.nodes() {
        node.namespace().nft("insert rule inet firewall forward iifname eth0 accept").unwrap();
    }
    reach::everybody_reaches_a_service(&bed);
    // Without the rule nobody gets through.
    let node = bed.cluster.node("node-a");
    node.namespace().nft("flush chain inet firewall forward").unwrap();
    bed.serve(&Service::web("last", 12), &["a-1"]);
    expect_silence(bed.cluster.pod("a-2"), 12);
}

/// What a careful administrator writes who has read the documentation: weir's packets pass in each hook, and what
/// leaves the node or comes to it; all else is dropped.
const FIREWALL: &str = "
table inet firewall {
  chain input {
    type filter hook input priority filter; policy drop
    iif lo accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    meta mark and 0x40000000 == 0x40000000 accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop
    ct state established,related accept
    iifname { weir1, eth0 } accept
    oifname eth0 accept
  }
  chain output {
    type filter hook output priority filter; policy drop
    oif lo accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    meta mark and 0x78000000 != 0 accept
    ip daddr 192.168.255.2 accept
  }
}";

#[test]
fn a_firewall_that_drops_in_every_hook_need_only_let_weirs_packets_pass() {
    let Some(bed) = Bed::mixed() else { return };
    for node in bed.cluster.nodes() {
        node.namespace().nft(FIREWALL).unwrap();
        expect_forwarding(&bed, node.name(), true);
    }
    reach::everybody_reaches_a_service(&bed);
    let (client, endpoint) = (bed.cluster.pod("a-2"), bed.cluster.pod("a-1"));
    let direct = ask(client, Protocol::Tcp, SocketAddr::new(endpoint.v4(), POD_PORT));
    assert_eq!(direct, Err(Failure::TimedOut), "what is not weir's is dropped");
}

#[test]
fn endpoints_whose_packets_the_network_plugin_masquerades_answer_on_the_forwarded_way() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a"), NodePlan::routed("node-b")]) else {
        return;
    };
    bed.start_pods(&[("node-a", "a-1")]);
    bed.start_weir("node-a", &["--forwarding=always"]);
    let _serving = bed.cluster.node("node-b").start_servers(POD_PORT).unwrap();
    let service = Service::web("web", 10);
    bed.endpoints(&service, &[Endpoint::on_host_network(&bed.cluster, "node-b")]);
    service.apply(bed.cluster.api());
    let node = bed.cluster.node("node-a");
    for (protocol, to) in everywhere(10) {
        expect(bed.cluster.pod("a-1"), protocol, to, Ok(("node-b", node.address_towards(to.ip()))));
    }
    judge(node, &isolates(bed.cluster.node("node-b")));
    expect_silence(bed.cluster.pod("a-1"), 10);
}

#[test]
fn when_nothing_can_refuse_any_more_connections_go_on_by_the_direct_way() {
    let Some(mut bed) = one_node() else { return };
    judge(bed.cluster.node("node-a"), "ip daddr 192.0.2.1 drop");
    bed.start_weir("node-a", &[]);
    let client = bed.cluster.pod("a-2");
    expect_served(client, 10, "a-1");
    let mut connection = client.connect(SocketAddr::new(cluster_ips(10)[0], 80)).unwrap();
    expect_forwarding(&bed, "node-a", true);
    let node = bed.cluster.node("node-a").namespace();
    node.nft("delete table inet policies").unwrap();
    expect_forwarding(&bed, "node-a", false);
    connection.echo_bytes(1 << 20).unwrap();
    expect_served(bed.cluster.pod("a-2"), 10, "a-1");
}

#[test]
fn with_forwarding_never_no_policy_of_the_node_judges_service_traffic() {
    let Some(mut bed) = one_node() else { return };
    judge(bed.cluster.node("node-a"), &isolates(bed.cluster.pod("a-1")));
    bed.start_weir("node-a", &["--forwarding=never"]);
    expect_served(bed.cluster.pod("a-2"), 10, "a-1");
    expect_forwarding(&bed, "node-a", false);
    let log = bed.weir_mut("node-a").log().unwrap();
    assert!(log.contains("do not take the way of forwarded packets: --forwarding=never"), "{log}");
}
