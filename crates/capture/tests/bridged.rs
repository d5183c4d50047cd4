//! Do pods on a Linux bridge reach Services although it passes packets to iptables? In network namespaces: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{Hosts, Outcome, options, service, snapshot, tcp, transparent, udp};
use socket2::Type;
use std::{
    io::{Read, Write},
    net::{TcpListener, UdpSocket},
};
use weir_capture::{Capture, bridges, marks::TO_CLIENT};
use weir_core::{CaptureSockets, PerFamily};

/// The pod's cable now ends in a bridge, which has the node's addresses.
fn put_the_pod_on_a_bridge(hosts: &Hosts) {
    hosts.node.ip(&["link", "add", "cni0", "type", "bridge"]).unwrap();
    hosts.node.ip(&["address", "flush", "dev", "pod"]).unwrap();
    hosts.node.ip(&["link", "set", "pod", "master", "cni0"]).unwrap();
    hosts.node.ip(&["link", "set", "cni0", "up"]).unwrap();
    for address in ["10.244.0.1/24", "fd00:244::1/64"] {
        hosts.node.ip(&["address", "add", address, "dev", "cni0", "nodad"]).unwrap();
    }
}

fn set_for_all(on: &str) {
    for setting in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
        std::fs::write(format!("/proc/sys/net/bridge/{setting}"), on).unwrap();
    }
}

/// Sockets bound to a frontend, as weir has them where TPROXY does not work.
fn bound(frontend: &str) -> (TcpListener, UdpSocket) {
    let frontend = frontend.parse().unwrap();
    let listener = transparent(Type::STREAM, frontend, TO_CLIENT);
    listener.listen(16).unwrap();
    let listener: TcpListener = listener.into();
    let datagrams: UdpSocket = transparent(Type::DGRAM, frontend, TO_CLIENT).into();
    let (accepting, receiving) = (listener.try_clone().unwrap(), datagrams.try_clone().unwrap());
    std::thread::spawn(move || {
        for client in accepting.incoming() {
            let Ok(mut client) = client else { return };
            let _ = client.read(&mut [0]);
            let _ = client.write_all(format!("bound {}", client.local_addr().unwrap()).as_bytes());
        }
    });
    std::thread::spawn(move || {
        let mut datagram = [0; 100];
        while let Ok((length @ 1.., client)) = receiving.recv_from(&mut datagram) {
            let answer = [b"bound ", &datagram[..length]].concat();
            let _ = receiving.send_to(&answer, client);
        }
    });
    (listener, datagrams)
}

#[test]
fn bound_frontends_are_reached_from_a_bridge_and_refuse_without_a_socket() {
    let Some(hosts) = Hosts::create() else { return };
    put_the_pod_on_a_bridge(&hosts);
    let body = || async {
        set_for_all("1");
        let found = bridges().await.unwrap();
        assert_eq!(found.bound, PerFamily { v4: true, v6: true });
        let networks = found.networks.iter().map(|on| format!("{} {}", on.bridge, on.network));
        assert_eq!(networks.collect::<Vec<_>>(), ["cni0 10.244.0.0/24", "cni0 fd00:244::/64"]);

        let _sockets = ["10.96.0.10:80", "[fd00:96::a]:80"].map(bound);
        let mut capture = Capture::start(options()).await.unwrap();
        let web = service("web", ["10.96.0.10", "fd00:96::a"]);
        let absent = service("absent", ["10.96.0.11", "fd00:96::b"]);
        let none = service("none", ["10.96.0.12", "fd00:96::c"]).without_endpoints();
        let snapshot = snapshot(&[&web, &absent, &none]);
        capture.apply(&snapshot, &CaptureSockets::default(), &[], &found, &Default::default()).await.unwrap();
        for from in [&hosts.pod, &hosts.outside, &hosts.node] {
            for to in ["10.96.0.10:80", "[fd00:96::a]:80"] {
                assert_eq!(tcp(from, to), Outcome::Served("bound".into()), "{to}");
                assert_eq!(udp(from, to), Outcome::Served("bound".into()), "{to}");
            }
            for to in
                ["10.96.0.11:80", "[fd00:96::b]:80", "10.96.0.12:80", "[fd00:96::c]:80", "10.96.0.10:81"]
            {
                assert_eq!(tcp(from, to), Outcome::Refused, "{to}");
            }
        }
        assert_eq!(udp(&hosts.pod, "10.96.0.11:80"), Outcome::Refused);
        assert_eq!(tcp(&hosts.pod, "10.96.0.13:80"), Outcome::Silence);
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn a_bridge_that_keeps_packets_to_itself_needs_nothing_bound() {
    let Some(hosts) = Hosts::create() else { return };
    let found = || {
        let look = || async {
            set_for_all("0");
            bridges().await.unwrap().bound
        };
        hosts.node.run(look).unwrap()
    };
    assert_eq!(found(), PerFamily::default(), "no bridge");
    put_the_pod_on_a_bridge(&hosts);
    assert_eq!(found(), PerFamily::default());
    hosts.node.ip(&["link", "set", "cni0", "type", "bridge", "nf_call_ip6tables", "1"]).unwrap();
    assert_eq!(found(), PerFamily { v4: false, v6: true }, "the bridge's own setting");
}
