//! Do weir's rules in the kernel survive others, and do they say what is missing?

use crate::{
    bed::{BOTH, Bed, Protocol, ask, expect, plan},
    objects::{Endpoint, Service, cluster_ips},
};
use std::{collections::BTreeSet, fs, net::SocketAddr};
use weir_testkit::cluster::Host;

#[test]
fn rules_that_others_remove_are_put_back() {
    let Some(bed) = Bed::single() else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let host = bed.cluster.node("node-a").namespace();
    let client = bed.cluster.pod("a-2");
    let damages: [(&str, &[&str]); 4] = [
        ("nft flush ruleset", &["nft", "flush", "ruleset"]),
        ("the table deleted", &["nft", "delete", "table", "inet", "weir"]),
        ("the policy rule deleted", &["ip", "rule", "del", "lookup", "20736"]),
        ("the route deleted", &["ip", "route", "flush", "table", "20736"]),
    ];
    for (what, command) in damages {
        let output = host.command(command[0]).args(&command[1..]).output().unwrap();
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        for protocol in BOTH {
            expect(client, protocol, SocketAddr::new(cluster_ips(10)[0], 80), Ok(("a-1", client.v4())));
        }
        // A test could be quicker than the damage's effect, if only the answer were looked at.
        crate::bed::eventually(what, true, || {
            let rules = host.command("ip").arg("rule").output().unwrap().stdout;
            let table = host.command("nft").args(["list", "table", "inet", "weir"]).output().unwrap().status;
            table.success() && String::from_utf8_lossy(&rules).contains("20736")
        });
    }
}

#[test]
fn clients_connections_and_flows_take_no_place_in_the_kernels_connection_tracking() {
    let Some(bed) = Bed::single() else { return };
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    bed.wait_until_served(10);
    let node = bed.cluster.node("node-a");
    let (pod, outside) = (bed.cluster.pod("a-2"), bed.cluster.outside());
    let node_ports = [node.v4(), node.v6()].map(|ip| SocketAddr::new(ip, 30080));
    // Who waited for weir has dialled before there were rules.
    let before = tracked(node);
    let _open: Vec<_> = cluster_ips(10).map(|ip| pod.connect(SocketAddr::new(ip, 80)).unwrap()).into();
    for protocol in BOTH {
        for to in node_ports {
            expect(outside, protocol, to, Ok(("a-1", bed.masqueraded("a-1", to.ip()))));
        }
    }
    // Both legs lie between the outside, Services and the pod network here, so nothing need be tracked.
    let new: Vec<String> = tracked(node).difference(&before).cloned().collect();
    assert!(new.is_empty(), "{new:#?}");
}

/// The flows to Services and endpoints that a host's kernel tracks, by protocol, addresses and ports.
fn tracked(host: &Host) -> BTreeSet<String> {
    let table = host.namespace().enter(|| fs::read_to_string("/proc/thread-self/net/nf_conntrack"));
    let table = table.unwrap().unwrap();
    let flow = |line: &str| {
        let is_part =
            |word: &&str| ["src=", "dst=", "sport=", "dport="].iter().any(|key| word.starts_with(key));
        let words = line.split_whitespace();
        words.clone().skip(2).take(1).chain(words.filter(is_part).take(4)).collect::<Vec<_>>().join(" ")
    };
    let ours =
        |flow: &String| [" dport=80", " dport=30080", " dport=8080"].iter().any(|end| flow.ends_with(end));
    table.lines().map(flow).filter(ours).collect()
}

#[test]
fn without_nft_weir_says_what_is_missing_and_which_package_has_it() {
    let Some(bed) = Bed::without_weir(&[plan("node-a")]) else { return };
    let arguments = bed.arguments("node-a", &[]);
    let arguments = [&["PATH=/nowhere", "WEIR_RUNTIME_DIR=", crate::bed::WEIR], &arguments[..]].concat();
    let mut weir = bed.cluster.node("node-a").spawn("env", &arguments, &[]).unwrap();
    assert_eq!(weir.wait().unwrap().code(), Some(1));
    let said = weir.log().unwrap();
    assert!(said.contains("nftables"), "{said}");
}

#[test]
fn what_weir_sends_to_a_service_address_is_not_captured_again() {
    let Some(bed) = Bed::single() else { return };
    bed.serve(&Service::web("back", 20), &["a-1"]);
    bed.wait_until_served(20);
    let loops = Service::web("loops", 10);
    bed.endpoints(&loops, &[Endpoint::at(cluster_ips(10), "node-a")]);
    loops.apply(bed.cluster.api());
    let front = Service::web("front", 11);
    bed.endpoints(&front, &[Endpoint::at(cluster_ips(20), "node-a")]);
    front.apply(bed.cluster.api());
    // Something that is certain to be served after those two.
    bed.serve(&Service::web("last", 12), &["a-1"]);
    bed.wait_until_served(12);
    let client = bed.cluster.pod("a-2");
    let before = bed.cluster.servers_of("a-1").connections();
    for number in [10, 11] {
        for protocol in BOTH {
            let answer = ask(client, protocol, SocketAddr::new(cluster_ips(number)[0], 80));
            assert!(answer.is_err(), "{number}: {answer:?}");
        }
    }
    assert_eq!(bed.cluster.servers_of("a-1").connections(), before);
    expect(client, Protocol::Tcp, SocketAddr::new(cluster_ips(20)[0], 80), Ok(("a-1", client.v4())));
}
