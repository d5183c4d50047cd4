//! Does every packet get what the semantics say? With real ones, in network namespaces: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{Hosts, Outcome, StandIn, TestService, apply, options, service, snapshot, tcp, udp};
use weir_capture::Capture;
use weir_core::{Protocol, Service};
use weir_testkit::Namespace;

const V4: &str = "10.96.0.10";
const V6: &str = "fd00:96::a";

/// Serves these on the node, then looks at what clients get.
fn with_services(services: &[&TestService], look: impl FnOnce(&Hosts) + Send) {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        apply(&mut capture, &snapshot(services), &stand_in).await;
        look(&hosts);
    };
    hosts.node.run(body).unwrap();
}

fn web() -> TestService {
    service("web", [V4, V6])
}

fn served(origin: &str) -> Outcome {
    Outcome::Served(origin.into())
}

/// Both protocols, port 80 of these addresses.
fn assert_both(from: &Namespace, addresses: &[&str], outcome: &Outcome) {
    for to in addresses {
        let to = if to.contains(':') { format!("[{to}]:80") } else { format!("{to}:80") };
        assert_eq!(tcp(from, &to), *outcome, "TCP {to}");
        assert_eq!(udp(from, &to), *outcome, "UDP {to}");
    }
}

#[test]
fn every_origin_reaches_a_service_through_its_own_socket() {
    with_services(&[&web()], |hosts| {
        assert_both(&hosts.outside, &[V4, V6], &served("outside"));
        assert_both(&hosts.pod, &[V4, V6], &served("pod"));
        assert_both(&hosts.node, &[V4, V6], &served("node"));
    });
}

#[test]
fn without_an_endpoint_everybody_is_refused_at_once() {
    let external = |service: &mut Service| service.external_ips.v4 = [[203, 0, 113, 7].into()].into();
    let web = web().without_endpoints().edited(external).with_node_port(30080);
    with_services(&[&web], |hosts| {
        for from in [&hosts.outside, &hosts.pod, &hosts.node] {
            assert_both(from, &[V4, V6, "203.0.113.7"], &Outcome::Refused);
            assert_eq!(tcp(from, "10.9.0.1:30080"), Outcome::Refused);
        }
    });
}

#[test]
fn internal_traffic_policy_local_without_a_local_endpoint_is_silent_for_everybody() {
    let web = web().edited(|service| service.internal_local = true);
    with_services(&[&web], |hosts| {
        for from in [&hosts.outside, &hosts.pod, &hosts.node] {
            for to in ["10.96.0.10:80", "[fd00:96::a]:80"] {
                assert_eq!(tcp(from, to), Outcome::Silence, "{to}");
            }
        }
        // Datagrams are weir's to judge: flows to an endpoint that still serves go on.
        assert_eq!(udp(&hosts.outside, "10.96.0.10:80"), served("outside"));
    });
}

#[test]
fn external_traffic_policy_local_without_a_local_endpoint_is_silent_for_outsiders_only() {
    let external = |service: &mut Service| {
        service.external_local = true;
        service.external_ips.v4 = [[203, 0, 113, 7].into()].into();
        service.external_ips.v6 = ["2001:db8::7".parse().unwrap()].into();
    };
    let web = web().edited(external).with_node_port(30080);
    with_services(&[&web], |hosts| {
        for to in ["203.0.113.7:80", "[2001:db8::7]:80", "10.9.0.1:30080", "[fd00:9::1]:30080"] {
            assert_eq!(tcp(&hosts.outside, to), Outcome::Silence, "{to}");
            assert_eq!(tcp(&hosts.pod, to), served("pod"), "{to}");
            assert_eq!(tcp(&hosts.node, to), served("node"), "{to}");
        }
        assert_both(&hosts.outside, &[V4, V6], &served("outside"));
    });
}

#[test]
fn load_balancer_addresses_are_silent_for_sources_outside_their_ranges_even_without_endpoints() {
    let guarded = |service: &mut Service| {
        service.load_balancer_ips.v4 = [[203, 0, 113, 8].into()].into();
        service.external_ips.v4 = [[203, 0, 113, 9].into()].into();
        service.source_ranges.v4 =
            ["10.244.0.0/24", "10.8.0.0/30"].map(|range| range.parse().unwrap()).into();
    };
    with_services(&[&web().edited(guarded)], |hosts| {
        assert_eq!(tcp(&hosts.outside, "203.0.113.8:80"), Outcome::Silence);
        assert_eq!(tcp(&hosts.node, "203.0.113.8:80"), Outcome::Silence);
        assert_eq!(tcp(&hosts.pod, "203.0.113.8:80"), served("pod"));
        assert_eq!(tcp(&hosts.far, "203.0.113.8:80"), served("outside"));
        assert_eq!(tcp(&hosts.outside, "203.0.113.9:80"), served("outside"), "external IPs are not guarded");
    });
    with_services(&[&web().edited(guarded).without_endpoints()], |hosts| {
        assert_both(&hosts.outside, &["203.0.113.8"], &Outcome::Silence);
        assert_both(&hosts.pod, &["203.0.113.8"], &Outcome::Refused);
    });
}

#[test]
fn source_ranges_may_come_change_and_go_however_many_they_are() {
    let Some(hosts) = Hosts::create() else { return };
    let guarded = |ranges: Vec<String>| {
        web().edited(|service| {
            service.load_balancer_ips.v4 = [[203, 0, 113, 8].into()].into();
            service.source_ranges.v4 = ranges.iter().map(|range| range.parse().unwrap()).collect();
        })
    };
    let many = |last: u8| (0..5000).map(move |n| format!("172.{}.{}.{last}/32", 16 + n / 250, n % 250));
    let with = |range: &str| many(1).chain([range.to_owned()]).collect();
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        for (ranges, outcome) in [
            (vec![], served("outside")),
            (with("10.9.0.0/24"), served("outside")),
            (with("10.8.0.0/24"), Outcome::Silence),
            (many(3).collect(), Outcome::Silence),
            (with("10.9.0.2/32"), served("outside")),
            (vec![], served("outside")),
        ] {
            apply(&mut capture, &snapshot(&[&guarded(ranges)]), &stand_in).await;
            assert_eq!(tcp(&hosts.outside, "203.0.113.8:80"), outcome);
        }
        let listed = std::process::Command::new("nft").args(["list", "chains"]).output().unwrap().stdout;
        assert!(!String::from_utf8_lossy(&listed).contains("ranges_"), "no chain is left");
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn a_node_inside_the_ranges_reaches_guarded_addresses() {
    let guarded = |service: &mut Service| {
        service.load_balancer_ips.v4 = [[203, 0, 113, 8].into()].into();
        service.source_ranges.v4 = ["10.9.0.1/32".parse().unwrap()].into();
    };
    with_services(&[&web().edited(guarded)], |hosts| {
        // As where a load balancer's addresses are on the node's interface.
        hosts.node.ip(&["address", "add", "203.0.113.8/32", "dev", "lo"]).unwrap();
        assert_eq!(tcp(&hosts.node, "203.0.113.8:80"), served("node"));
        assert_eq!(tcp(&hosts.outside, "203.0.113.8:80"), Outcome::Silence);
    });
}

#[test]
fn undefined_ports_of_cluster_ips_refuse_and_unallocated_addresses_are_silent() {
    with_services(&[&web().with_port(Protocol::Sctp, 9)], |hosts| {
        for from in [&hosts.outside, &hosts.pod, &hosts.node] {
            for to in ["10.96.0.10:81", "[fd00:96::a]:81", "10.96.0.10:9"] {
                assert_eq!(tcp(from, to), Outcome::Refused, "{to}");
                assert_eq!(udp(from, to), Outcome::Refused, "{to}");
            }
        }
        for to in ["10.96.0.11:80", "[fd00:96::b]:80"] {
            assert_eq!(tcp(&hosts.outside, to), Outcome::Silence, "{to}");
            assert_eq!(udp(&hosts.pod, to), Outcome::Silence, "{to}");
            assert_eq!(tcp(&hosts.node, to), Outcome::Silence, "{to}");
        }
    });
}

#[test]
fn node_ports_are_on_their_addresses_only_and_other_ports_are_the_hosts_own() {
    let external = |service: &mut Service| service.external_ips.v4 = [[10, 8, 0, 1].into()].into();
    let web = web().edited(external).with_node_port(30080);
    with_services(&[&web], |hosts| {
        for to in ["10.9.0.1:30080", "[fd00:9::1]:30080"] {
            assert_eq!(tcp(&hosts.outside, to), served("outside"), "{to}");
            assert_eq!(udp(&hosts.pod, to), served("pod"), "{to}");
        }
        assert_eq!(tcp(&hosts.pod, "10.244.0.1:30080"), Outcome::Refused, "another address of the node");
        for loopback in ["127.0.0.1:30080", "[::1]:30080"] {
            assert_eq!(tcp(&hosts.node, loopback), Outcome::Refused, "{loopback}");
        }
        let own = std::net::TcpListener::bind("10.8.0.1:81").unwrap();
        assert_eq!(
            tcp(&hosts.outside, "10.8.0.1:80"),
            served("outside"),
            "an external IP of the node itself"
        );
        let connected = hosts.outside.run(|| async { std::net::TcpStream::connect("10.8.0.1:81") });
        connected.unwrap().expect("the host's own ports stay as they are");
        drop(own);
        assert_eq!(tcp(&hosts.outside, "10.8.0.1:81"), Outcome::Refused);
    });
}

#[test]
fn tcp_and_udp_of_one_port_are_apart() {
    let mut web = web();
    web.service.ports.truncate(1);
    with_services(&[&web], |hosts| {
        assert_eq!(tcp(&hosts.outside, "10.96.0.10:80"), served("outside"));
        assert_eq!(udp(&hosts.outside, "10.96.0.10:80"), Outcome::Refused);
    });
}

#[test]
fn while_weir_is_not_running_everybody_is_refused() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        apply(&mut capture, &snapshot(&[&web()]), &stand_in).await;
        stand_in.die();
        for from in [&hosts.outside, &hosts.pod, &hosts.node] {
            for to in ["10.96.0.10:80", "[fd00:96::a]:80"] {
                assert_eq!(tcp(from, to), Outcome::Refused);
            }
        }
        for (from, to) in [(&hosts.outside, "10.96.0.10:80"), (&hosts.node, "[fd00:96::a]:80")] {
            // The socket ends a moment after it was shut down.
            assert!((0..20).any(|_| udp(from, to) == Outcome::Refused), "{to}");
        }
        // The kernel sends no ICMP error to itself from an address that it does not have.
        assert_eq!(udp(&hosts.node, "10.96.0.10:80"), Outcome::Silence);
    };
    hosts.node.run(body).unwrap();
}
