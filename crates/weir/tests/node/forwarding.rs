//! Is the pair of interfaces, by which packets to endpoints take the way of forwarded ones, there for as long as it is needed,
//! whatever others do to it?

use crate::{
    bed::{BOTH, Bed, Protocol, WEIR, ask, eventually, expect},
    objects::{Service, cluster_ips},
};
use std::net::SocketAddr;
use weir_testkit::cluster::NodePlan;

const ALWAYS: &[&str] = &["--forwarding=always"];

/// A client a-2 that a policy keeps from a-1, and a-3 that is let through. Both are clients of the Service of a-1.
fn policed() -> Option<Bed> {
    let mut bed = Bed::laid_out(&[NodePlan::routed("node-a")])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-a", "a-3")]);
    bed.serve(&Service::web("web", 10), &["a-1"]);
    let [endpoint, denied] = ["a-1", "a-2"].map(|pod| bed.cluster.pod(pod));
    let rules = format!(
        "table inet policies {{ chain forward {{ type filter hook forward priority filter
         ip saddr {} ip daddr {} drop
         ip6 saddr {} ip6 daddr {} drop
         }}
         }}",
        denied.v4(),
        endpoint.v4(),
        denied.v6(),
        endpoint.v6()
    );
    bed.cluster.node("node-a").namespace().nft(&rules).unwrap();
    Some(bed)
}

fn expect_policy(bed: &Bed) {
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
        let (to, allowed) = (SocketAddr::new(ip, 80), bed.cluster.pod("a-3"));
        expect(allowed, protocol, to, Ok(("a-1", allowed.address_towards(ip))));
        let answer = ask(bed.cluster.pod("a-2"), protocol, to);
        assert!(answer.is_err(), "{protocol:?} from {to}: {answer:?}");
    }
}

fn run(bed: &Bed, command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let output = bed.cluster.node("node-a").namespace().command(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The pair and what leads there, as far as it should always be the same.
fn way(bed: &Bed) -> String {
    let commands = [
        "ip -o -4 address show dev weir1",
        "ip rule show",
        "ip -6 rule show",
        "ip route show table 20737",
        "ip -6 route show table 20737",
        "ip -6 route show table 20738",
        "sysctl net.ipv4.conf.weir1.rp_filter net.ipv4.conf.weir1.accept_local net.ipv4.conf.weir1.forwarding",
    ];
    let mut way: String = commands.map(|command| run(bed, command)).concat();
    for name in ["weir0", "weir1"] {
        let link = run(bed, &format!("ip -o link show dev {name}"));
        way += link.split_once(": ").unwrap().1;
    }
    // The number of an interface.
    way.lines()
        .map(|line| line.trim_start_matches(|digit: char| digit.is_ascii_digit()))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Does damage after damage; each is mended, and no policy is passed by meanwhile.
fn is_mended_after(damages: &[&str]) {
    let Some(mut bed) = policed() else { return };
    bed.start_weir("node-a", &[]);
    expect_policy(&bed);
    let expected = way(&bed);
    for damage in damages {
        run(&bed, damage);
        for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
            let answer = ask(bed.cluster.pod("a-2"), Protocol::Udp, to);
            assert!(answer.is_err(), "{damage}: {answer:?}");
        }
        eventually(damage, true, || {
            let is_there = |name: &str| {
                let mut command = bed.cluster.node("node-a").namespace().command("ip");
                command.args(["link", "show", "dev", name]).output().unwrap().status.success()
            };
            is_there("weir0") && is_there("weir1") && way(&bed) == expected
        });
        expect_policy(&bed);
    }
}

#[test]
fn interfaces_that_others_remove_or_turn_off_are_put_right_and_meanwhile_no_policy_is_passed_by() {
    is_mended_after(&["ip link del weir0", "ip link set weir1 down", "ip -4 address flush dev weir1"]);
}

#[test]
fn policy_rules_to_the_pair_that_others_remove_are_put_back_and_meanwhile_no_policy_is_passed_by() {
    is_mended_after(&[
        "ip rule del lookup 20737",
        "ip -6 rule del lookup 20737",
        "ip -6 rule del lookup 20738",
    ]);
}

#[test]
fn routes_to_the_pair_that_others_remove_are_put_back_and_meanwhile_no_policy_is_passed_by() {
    is_mended_after(&[
        "ip route flush table 20737",
        "ip -6 route flush table 20737",
        "ip -6 route flush table 20738",
    ]);
}

#[test]
fn settings_of_the_pair_that_others_change_are_put_right() {
    is_mended_after(&[
        "ip link set weir0 mtu 1400",
        "ip link set weir0 arp on",
        "sysctl -w net.ipv4.conf.weir1.rp_filter=1",
        "sysctl -w net.ipv4.conf.weir1.accept_local=0",
    ]);
}

#[test]
fn a_weir_that_comes_back_finds_the_pair_again_and_a_clean_up_removes_it() {
    let Some(mut bed) = policed() else { return };
    bed.start_weir("node-a", &[]);
    expect_policy(&bed);
    let link = run(&bed, "ip -o link show dev weir0");
    bed.stop_weir("node-a", |weir| weir.kill().unwrap());
    assert_eq!(run(&bed, "ip -o link show dev weir0"), link);
    bed.start_weir("node-a", &[]);
    expect_policy(&bed);
    assert_eq!(run(&bed, "ip -o link show dev weir0"), link, "the same, with the same number");
    bed.stop_weir("node-a", |weir| weir.kill().unwrap());
    let said = run(&bed, &format!("{WEIR} cleanup"));
    assert!(said.contains("removed the interfaces weir0 and weir1"), "{said}");
}

#[test]
fn the_capabilities_of_weirs_pod_are_enough_for_the_pair() {
    let Some(mut bed) = policed() else { return };
    bed.start_weir_as_in_its_pod("node-a");
    expect_policy(&bed);
}

#[test]
fn an_interface_of_somebody_else_with_that_name_is_named_and_left_alone() {
    let Some(mut bed) = policed() else { return };
    run(&bed, "ip link add weir1 type veth peer name other");
    let weir = bed.spawn_weir("node-a", &[]);
    eventually("the line", true, || {
        weir.log().unwrap().contains("an interface weir1 is there that is not weir's")
    });
    assert_eq!(bed.probe("node-a", "/readyz"), Some(503));
    assert!(ask(bed.cluster.pod("a-2"), Protocol::Udp, SocketAddr::new(cluster_ips(10)[0], 80)).is_err());
    run(&bed, "ip link del weir1");
    eventually("readiness", Some(200), || bed.probe("node-a", "/readyz"));
    expect_policy(&bed);
    drop(weir);
    bed.start_weir("node-a", &["--forwarding=never"]);
    expect(
        bed.cluster.pod("a-2"),
        Protocol::Tcp,
        SocketAddr::new(cluster_ips(10)[0], 80),
        Ok(("a-1", bed.cluster.pod("a-2").v4())),
    );
}

#[test]
fn an_address_that_the_host_uses_is_not_taken() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    run(&bed, "ip address add 169.254.77.1/32 dev lo");
    run(&bed, "ip route add blackhole 169.254.78.0/24");
    bed.start_weir("node-a", ALWAYS);
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let address = run(&bed, "ip -o -4 address show dev weir1");
    assert!(address.contains("169.254.79.1/32"), "{address}");
}

#[test]
fn a_host_without_ipv6_forwards_ipv4() {
    let plan = NodePlan { ipv6: false, ..NodePlan::routed("node-a") };
    let Some(mut bed) = Bed::laid_out(&[plan]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    bed.start_weir("node-a", ALWAYS);
    bed.serve(&Service::web("web", 10), &["a-1"]);
    let pod = bed.cluster.pod("a-2");
    for protocol in BOTH {
        expect(pod, protocol, SocketAddr::new(cluster_ips(10)[0], 80), Ok(("a-1", pod.v4())));
    }
}

#[test]
fn large_datagrams_arrive_whole_by_the_pair_in_both_families() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a"), NodePlan::bridged("node-b", false)])
    else {
        return;
    };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-b", "b-1")]);
    bed.start_weir("node-a", ALWAYS);
    for (number, endpoint) in [(10, "a-1"), (11, "b-1")] {
        bed.serve(&Service::web(endpoint, number), &[endpoint]);
        bed.wait_until_served(number);
        for to in cluster_ips(number).map(|ip| SocketAddr::new(ip, 80)) {
            let client = bed.cluster.pod("a-2");
            client.connect(to).unwrap().echo_bytes(8 << 20).unwrap();
            for length in [1_400, 8_000, 60_000] {
                assert_eq!(
                    client.converse(to).unwrap().ask_at_length(length).unwrap().name,
                    endpoint,
                    "{to} {length}"
                );
            }
        }
    }
}

#[test]
fn connections_by_the_pair_are_tracked_once_and_as_established() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    bed.start_weir("node-a", ALWAYS);
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let client = bed.cluster.pod("a-2");
    let _open = cluster_ips(10).map(|ip| client.connect(SocketAddr::new(ip, 80)).unwrap());
    let tracked = run(&bed, "cat /proc/net/nf_conntrack");
    let established =
        tracked.lines().filter(|line| line.contains("ESTABLISHED") && line.contains("dport=8080"));
    assert_eq!(established.filter(|line| line.contains("[ASSURED]")).count(), 2, "{tracked}");
    assert!(!tracked.contains("weir0") && !tracked.contains("169.254"), "{tracked}");
}
