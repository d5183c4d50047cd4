//! Do packets that go round between nodes come to an end?

use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually, expect, idle},
    objects::{Endpoint, Service, cluster_ips},
};
use std::{net::SocketAddr, time::Duration};
use weir_testkit::cluster::{Failure, Host, NodePlan, POD_PORT};

/// Hops with which every system here begins.
const FIRST_HOPS: u8 = 64;

const NODES: [&str; 3] = ["node-a", "node-b", "node-c"];

/// As many of the nodes, with weir but without its guard of endpoints; and a pod.
fn nodes(count: usize) -> Option<Bed> {
    let plans = NODES.map(NodePlan::routed);
    let mut bed = Bed::laid_out(&plans[..count])?;
    bed.start_pods(&[("node-a", "a-1")]);
    NODES[..count].iter().for_each(|node| bed.start_weir(node, &["--guards=false"]));
    Some(bed)
}

/// Services whose endpoints are node ports of the others: number 10 leads to 11, 11 to 12, and so on, and the last one back
/// to number 10. The endpoints of each are all nodes named with it.
fn serve_loop(bed: &Bed, ways: &[&[&str]]) {
    for (index, nodes) in (0..).zip(ways) {
        let next = (u16::from(index) + 1) % u16::try_from(ways.len()).unwrap();
        let service = Service::web(&format!("way-{index}"), 10 + index).node_port(30_080 + u16::from(index));
        let endpoints: Vec<_> =
            nodes.iter().map(|node| Endpoint::on_host_network(&bed.cluster, node)).collect();
        service.slices(bed.cluster.api(), "", 30_080 + next, &endpoints);
        service.apply(bed.cluster.api());
    }
}

/// The sum of a metric's series that contain all these words, on all nodes.
fn sum(bed: &Bed, family: &str, words: &[&str]) -> u64 {
    let shown = bed.cluster.nodes().map(|node| node.http("127.0.0.1:10249".parse().unwrap(), "/metrics"));
    let shown: Vec<String> = shown.map(Result::unwrap).collect();
    let series = shown.iter().flat_map(|shown| shown.lines());
    let series =
        series.filter(|line| line.starts_with(family) && words.iter().all(|word| line.contains(word)));
    series.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

/// The number of clients that ended for want of hops, on all nodes.
fn ended(bed: &Bed, protocol: Protocol) -> u64 {
    let (family, word) = match protocol {
        Protocol::Tcp => ("weir_connections_closed_total", "TCP"),
        Protocol::Udp => ("weir_rejected_total", "UDP"),
    };
    sum(bed, family, &["reason=\"hop_limit\"", word])
}

/// Lets a client begin with this many hops.
fn begin_with(client: &Host, hops: u8) {
    for parameter in ["net/ipv4/ip_default_ttl", "net/ipv6/conf/eth0/hop_limit"] {
        client.namespace().set_parameter(parameter, &hops.to_string()).unwrap();
    }
}

/// Asks into a loop until the question ends at a weir: the last hop may also be taken on the way between nodes, whose routers
/// then end it, which does not show here. The hops with which the client began that time remain.
fn ask_until_weir_ends_it(bed: &Bed, protocol: Protocol, to: SocketAddr) {
    let (client, before) = (bed.cluster.pod("a-1"), ended(bed, protocol));
    let mut hops = (FIRST_HOPS - 3..FIRST_HOPS).cycle();
    eventually(&format!("the end of a question to {to} over {protocol:?}"), true, || {
        begin_with(client, hops.next().unwrap());
        let answer = ask(client, protocol, to);
        assert!(answer.is_err(), "{answer:?}");
        ended(bed, protocol) > before
    });
}

/// Sends datagrams and opens connections into a loop, each of which ends for want of hops.
fn expect_an_end(bed: &Bed, most_connections: u64) {
    let counts =
        || ["weir_udp_datagrams_total", "weir_connections_opened_total"].map(|family| sum(bed, family, &[]));
    for (protocol, index, most) in
        [(Protocol::Udp, 0, u64::from(FIRST_HOPS)), (Protocol::Tcp, 1, most_connections)]
    {
        for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
            ask_until_weir_ends_it(bed, protocol, to);
            eventually("the end of all connections", 0, || sum(bed, "weir_connections_active", &[]));
            let before = settled(counts);
            ask(bed.cluster.pod("a-1"), protocol, to).unwrap_err();
            eventually("its count", true, || counts()[index] > before[index]);
            // Where the last hop was on the way, a connect waits for its time-out first.
            eventually("the end of all connections", 0, || sum(bed, "weir_connections_active", &[]));
            let relayed = settled(counts)[index] - before[index];
            eprintln!("{relayed} for one to {to} over {protocol:?}");
            assert!((2..=most).contains(&relayed), "{relayed} for one to {to} over {protocol:?}");
        }
    }
}

/// Counts that do not change any more: what went round has ended. They are shown once a second.
fn settled(counts: impl Fn() -> [u64; 2]) -> [u64; 2] {
    let mut last = [u64::MAX; 2];
    eventually("the same counts twice", true, || {
        let before = std::mem::replace(&mut last, counts());
        idle(Duration::from_millis(2200));
        before == last
    });
    last
}

#[test]
fn what_goes_round_between_two_nodes_ends_when_its_hops_are_used_up() {
    let Some(bed) = nodes(2) else { return };
    serve_loop(&bed, &[&["node-b"], &["node-a"]]);
    expect_an_end(&bed, FIRST_HOPS.into());
}

#[test]
fn what_goes_round_between_three_nodes_ends_when_its_hops_are_used_up() {
    let Some(bed) = nodes(3) else { return };
    serve_loop(&bed, &[&["node-b"], &["node-c"], &["node-a"]]);
    expect_an_end(&bed, FIRST_HOPS.into());
}

#[test]
fn a_loop_of_several_endpoints_does_not_multiply_connections_without_bound() {
    let Some(bed) = nodes(3) else { return };
    serve_loop(&bed, &[&NODES, &NODES]);
    expect_an_end(&bed, 4_000);
}

#[test]
fn endpoints_that_are_node_ports_of_other_nodes_are_refused_by_default() {
    let plans = NODES.map(NodePlan::routed);
    let Some(mut bed) = Bed::laid_out(&plans[..2]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-b", "b-1")]);
    NODES[..2].iter().for_each(|node| bed.start_weir(node, &[]));
    let (one, other) = (Service::web("one", 10).node_port(30080), Service::web("other", 11).node_port(30081));
    for (service, port, node) in [(&one, 30081, "node-b"), (&other, 30080, "node-a")] {
        let node = bed.cluster.node(node);
        // Without the name of a node, as an author writes it.
        service.slices(bed.cluster.api(), "", port, &[Endpoint::at([node.v4(), node.v6()], "")]);
        service.apply(bed.cluster.api());
    }
    let pod = bed.cluster.pod("a-1");
    for (number, protocol) in
        [(10, Protocol::Tcp), (11, Protocol::Tcp), (10, Protocol::Udp), (11, Protocol::Udp)]
    {
        for ip in cluster_ips(number) {
            expect(pod, protocol, SocketAddr::new(ip, 80), Err(Failure::Refused));
        }
    }
    let said = "192.168.1.2 (and 1 more) is not dialled: it is a Node's, at the node port of a Service";
    assert!(bed.weir_mut("node-a").log().unwrap().contains(said));
    bed.serve(&one, &["b-1"]);
    expect(
        bed.cluster.pod("a-1"),
        Protocol::Tcp,
        SocketAddr::new(cluster_ips(10)[0], 80),
        Ok(("b-1", bed.cluster.pod("a-1").v4())),
    );
}

/// Rules that count packets to a port by hop limit.
fn counting() -> String {
    let rules = (1..FIRST_HOPS).flat_map(|hops| {
        ["ip ttl", "ip6 hoplimit"]
            .map(|word| format!("meta l4proto {{ tcp, udp }} th dport {POD_PORT} {word} {hops} counter;\n"))
    });
    let rules: String = rules.collect();
    format!(
        "table inet hops\ndelete table inet hops\ntable inet hops {{ chain input {{ type filter hook input priority 0\n{rules}}}\n}}"
    )
}

/// The hop limits with which packets of one kind arrived.
fn arrived(shown: &str, word: &str) -> Vec<u8> {
    let counted = shown.lines().filter(|line| line.contains(word) && !line.contains("packets 0"));
    counted
        .map(|line| line.split(word).nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn endpoints_see_packets_of_a_client_with_a_hop_less_as_behind_a_router() {
    let Some(bed) = Bed::single() else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let (client, endpoint) = (bed.cluster.pod("a-2"), bed.cluster.pod("a-1"));
    for hops in [20_u8, 41] {
        begin_with(client, hops);
        for (ip, word) in cluster_ips(10).into_iter().zip(["ip ttl", "ip6 hoplimit"]) {
            for protocol in BOTH {
                endpoint.namespace().nft(&counting()).unwrap();
                ask(client, protocol, SocketAddr::new(ip, 80)).unwrap();
                let seen = arrived(&endpoint.namespace().nft("list table inet hops").unwrap(), word);
                // Where the node forwards what weir sends, it takes a hop, too.
                let expected = [vec![hops - 1], vec![hops - 2]];
                assert!(expected.contains(&seen), "{protocol:?} over {word}: {seen:?} of {hops}");
            }
        }
    }
}

#[test]
fn a_client_without_a_hop_left_is_refused_and_counted() {
    let Some(bed) = Bed::single() else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let client = bed.cluster.pod("a-2");
    begin_with(client, 1);
    let before = bed.cluster.servers_of("a-1").datagrams();
    let to = SocketAddr::new(cluster_ips(10)[0], 80);
    assert_eq!(ask(client, Protocol::Udp, to), Err(Failure::TimedOut));
    assert_eq!(ask(client, Protocol::Tcp, to), Err(Failure::Reset));
    for protocol in BOTH {
        eventually(&format!("the count of what was refused over {protocol:?}"), 1, || ended(&bed, protocol));
    }
    assert_eq!(bed.cluster.servers_of("a-1").datagrams(), before);
}
