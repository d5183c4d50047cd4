//! Do NetworkPolicy and forward firewalls judge what reaches pods through Services, as they judge what reaches pods directly?
//! (semantics M5)

use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually, expect},
    objects::{Service, cluster_ips},
};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use weir_testkit::cluster::{Failure, Host, NodePlan};

/// Rules as network plugins write them, in a chain of the hook `forward`.
pub(crate) fn judge(node: &Host, rules: &str) {
    let script = format!(
        "table inet policies {{\n chain forward {{\n type filter hook forward priority filter; policy accept\n {rules}\n }}\n}}\n"
    );
    node.namespace().nft(&script).unwrap();
}

/// A rule that drops what one host sends to another, in both families.
fn keeps(from: &Host, to: &Host) -> String {
    let rule = |ip: &str, from: IpAddr, to: IpAddr| format!("{ip} saddr {from} {ip} daddr {to} drop\n");
    rule("ip", from.v4(), to.v4()) + &rule("ip6", from.v6(), to.v6())
}

/// A rule that drops all that goes to a host, in both families.
pub(crate) fn isolates(host: &Host) -> String {
    format!("ip daddr {} drop\n ip6 daddr {} drop\n", host.v4(), host.v6())
}

/// Both protocols towards both cluster IPs of a Service.
pub(crate) fn everywhere(number: u8) -> impl Iterator<Item = (Protocol, SocketAddr)> {
    let of = move |protocol| cluster_ips(number).map(|ip| (protocol, SocketAddr::new(ip, 80)));
    BOTH.into_iter().flat_map(of)
}

/// Waits until a client is served by this pod, with the client's own address.
pub(crate) fn expect_served(client: &Host, number: u8, by: &str) {
    for (protocol, to) in everywhere(number) {
        expect(client, protocol, to, Ok((by, client.address_towards(to.ip()))));
    }
}

/// Waits until a client hears nothing at a Service.
pub(crate) fn expect_silence(client: &Host, number: u8) {
    for (protocol, to) in everywhere(number) {
        expect(client, protocol, to, Err(Failure::TimedOut));
    }
}

/// Waits until packets to endpoints take the way of forwarded ones on a node, or until they do not.
pub(crate) fn expect_forwarding(bed: &Bed, node: &str, forwards: bool) {
    let line = format!("weir_capture_forwarding {}", u8::from(forwards));
    eventually(&format!("{line} on {node}"), true, || {
        let metrics = bed.cluster.node(node).http("127.0.0.1:10249".parse().unwrap(), "/metrics");
        metrics.is_ok_and(|metrics| metrics.lines().any(|shown| shown == line))
    });
}

/// Three routed pods on one node, of which a-1 is the endpoint.
pub(crate) fn one_node() -> Option<Bed> {
    let mut bed = Bed::laid_out(&[NodePlan::routed("node-a")])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-a", "a-3")]);
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    Some(bed)
}

#[test]
fn what_a_policy_keeps_from_a_pod_on_the_same_node_does_not_reach_it_through_a_service() {
    let Some(mut bed) = one_node() else { return };
    let [endpoint, denied, _] = ["a-1", "a-2", "a-3"].map(|pod| bed.cluster.pod(pod));
    judge(
        bed.cluster.node("node-a"),
        &format!("ct state established,related accept\n{}", keeps(denied, endpoint)),
    );
    bed.start_weir("node-a", &[]);
    let [denied, allowed] = ["a-2", "a-3"].map(|pod| bed.cluster.pod(pod));
    expect_served(allowed, 10, "a-1");
    expect_silence(denied, 10);
}

#[test]
fn a_policy_is_judged_on_the_endpoints_node_and_on_the_clients() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a"), NodePlan::bridged("node-b", false)])
    else {
        return;
    };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-b", "b-1"), ("node-b", "b-2")]);
    bed.serve(&Service::web("web", 10), &["b-1"]);
    bed.serve(&Service::web("other", 11), &["b-2"]);
    let [a, b_1, b_2] = ["a-1", "b-1", "b-2"].map(|pod| bed.cluster.pod(pod));
    let established = "ct state established accept\n";
    // Of the client's node by its address, of the endpoint's node by the endpoint's.
    judge(bed.cluster.node("node-a"), &format!("{established}{}", keeps(a, b_1)));
    judge(bed.cluster.node("node-b"), &format!("{established}{}", isolates(b_2)));
    bed.start_weir("node-a", &[]);
    bed.start_weir("node-b", &[]);
    let [denied, allowed] = ["a-1", "a-2"].map(|pod| bed.cluster.pod(pod));
    expect_served(allowed, 10, "b-1");
    expect_silence(denied, 10);
    for client in [denied, allowed] {
        expect_silence(client, 11);
    }
}

#[test]
fn a_policy_that_comes_while_connections_live_cuts_them_and_keeps_new_ones_out() {
    let Some(mut bed) = one_node() else { return };
    bed.start_weir("node-a", &[]);
    let (client, to) = (bed.cluster.pod("a-2"), SocketAddr::new(cluster_ips(10)[0], 80));
    expect_served(client, 10, "a-1");
    // As plugins have it that enforce no policies.
    let only_accepts = "table ip plugin {
        chain accepts {
            ip saddr 10.244.0.0/16 accept
        }
        chain forward {
            type filter hook forward priority filter; policy accept
            counter jump accepts
        }
    }";
    bed.cluster.node("node-a").namespace().nft(only_accepts).unwrap();
    expect_forwarding(&bed, "node-a", false);
    let within = || client.client().within(Duration::from_millis(700));
    let mut connection = within().connect(to).unwrap();
    let flow = within().converse(to).unwrap();
    connection.echo().unwrap();
    flow.ask().unwrap();
    judge(bed.cluster.node("node-a"), &keeps(client, bed.cluster.pod("a-1")));
    expect_forwarding(&bed, "node-a", true);
    eventually("the flow is cut", Err(Failure::TimedOut), || flow.ask());
    eventually("the connection is cut", true, || connection.echo().is_err());
    expect_silence(client, 10);
    expect_served(bed.cluster.pod("a-3"), 10, "a-1");
}

#[test]
fn connections_from_before_go_on_where_a_policy_admits_established_ones() {
    let Some(mut bed) = one_node() else { return };
    bed.start_weir("node-a", &[]);
    let client = bed.cluster.pod("a-2");
    expect_served(client, 10, "a-1");
    let mut connections = cluster_ips(10).map(|ip| client.connect(SocketAddr::new(ip, 80)).unwrap());
    let rules = format!("ct state established,related accept\n{}", keeps(client, bed.cluster.pod("a-1")));
    // First one that concerns nobody here: weir's packets pass the chain before those are denied that are new.
    judge(bed.cluster.node("node-a"), "ip daddr 192.0.2.1 drop");
    expect_forwarding(&bed, "node-a", true);
    for connection in &mut connections {
        connection.echo_bytes(1 << 20).unwrap();
    }
    judge(bed.cluster.node("node-a"), &rules);
    expect_silence(client, 10);
    for connection in &mut connections {
        connection.echo_bytes(1 << 20).unwrap();
    }
}

#[test]
fn what_a_policy_rejects_is_refused() {
    let Some(mut bed) = one_node() else { return };
    let client = bed.cluster.pod("a-2");
    let rejects = keeps(client, bed.cluster.pod("a-1")).replace("drop", "reject");
    judge(bed.cluster.node("node-a"), &rejects);
    bed.start_weir("node-a", &[]);
    let client = bed.cluster.pod("a-2");
    for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
        // An ICMP error that comes while connect(2) still runs is heard with the next SYN, a second later.
        let patient = client.client().within(Duration::from_secs(5));
        eventually("a reset", Err(Failure::Reset), || patient.tcp(to).map(|reply| reply.name));
        expect(client, Protocol::Udp, to, Err(Failure::Refused));
    }
    expect_served(bed.cluster.pod("a-3"), 10, "a-1");
}

#[test]
fn the_nodes_own_processes_and_a_pod_that_reaches_itself_are_not_judged() {
    let Some(mut bed) = one_node() else { return };
    judge(bed.cluster.node("node-a"), &isolates(bed.cluster.pod("a-1")));
    bed.start_weir("node-a", &[]);
    let (node, endpoint) = (bed.cluster.node("node-a"), bed.cluster.pod("a-1"));
    for (protocol, to) in everywhere(10) {
        expect(node, protocol, to, Ok(("a-1", node.address_towards(to.ip()))));
        expect(bed.cluster.pod("a-2"), protocol, to, Err(Failure::TimedOut));
        let answer = || ask(endpoint, protocol, to).map(|(name, _)| name);
        eventually("the pod itself", Ok("a-1".to_owned()), answer);
    }
}

#[test]
fn active_checks_are_not_judged() {
    let Some(mut bed) = one_node() else { return };
    let endpoint = bed.cluster.pod("a-1");
    judge(bed.cluster.node("node-a"), &isolates(endpoint));
    bed.start_weir("node-a", &[]);
    let service = Service::web("web", 10)
        .annotate("weir.dev/health-check", "tcp")
        .annotate("weir.dev/health-check-interval", "1s");
    bed.serve(&service, &["a-1"]);
    eventually("connections of checks", true, || bed.cluster.servers_of("a-1").connections() > 2);
}

#[test]
fn outside_clients_are_judged_too() {
    let Some(mut bed) = one_node() else { return };
    judge(
        bed.cluster.node("node-a"),
        &format!("ct state established accept\n{}", isolates(bed.cluster.pod("a-1"))),
    );
    bed.start_weir("node-a", &[]);
    bed.serve(&Service::web("other", 11).node_port(30081), &["a-3"]);
    let (outside, node) = (bed.cluster.outside(), bed.cluster.node("node-a"));
    for (protocol, ip) in
        BOTH.into_iter().flat_map(|protocol| [node.v4(), node.v6()].map(|ip| (protocol, ip)))
    {
        expect(outside, protocol, SocketAddr::new(ip, 30081), Ok(("a-3", node.address_towards(ip))));
        expect(outside, protocol, SocketAddr::new(ip, 30080), Err(Failure::TimedOut));
    }
}

/// On a bridge, whether or not its packets pass nftables; and with frontends that are bound, where they do.
#[test]
fn policies_apply_to_pods_on_bridges() {
    for netfilter in [false, true] {
        let plans = ["node-a", "node-b"].map(|name| NodePlan::bridged(name, netfilter));
        let Some(mut bed) = Bed::laid_out(&plans) else { return };
        bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-a", "a-3"), ("node-b", "b-1")]);
        bed.serve(&Service::web("here", 10), &["a-1"]);
        bed.serve(&Service::web("there", 11), &["b-1"]);
        bed.serve(&Service::web("open", 12), &["a-3"]);
        let [isolated, denied, remote] = ["a-1", "a-2", "b-1"].map(|pod| bed.cluster.pod(pod));
        let rules = format!("ct state established accept\n{}{}", isolates(isolated), keeps(denied, remote));
        bed.start_weir("node-a", &[]);
        bed.start_weir("node-b", &[]);
        bed.wait_until_served(10);
        bed.wait_until_served(11);
        judge(bed.cluster.node("node-a"), &rules);
        expect_forwarding(&bed, "node-a", true);
        let [isolated, denied] = ["a-1", "a-2"].map(|pod| bed.cluster.pod(pod));
        expect_silence(denied, 10);
        expect_silence(denied, 11);
        expect_served(isolated, 11, "b-1");
        for (protocol, to) in everywhere(12) {
            let answer = || ask(denied, protocol, to).map(|(name, _)| name);
            eventually("an answer of an endpoint that is open", Ok("a-3".to_owned()), answer);
        }
    }
}
