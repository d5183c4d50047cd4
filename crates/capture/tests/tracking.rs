//! What becomes of packets after the first, and of those that weir itself sends? In network namespaces: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{Hosts, Outcome, StandIn, TestService, apply, options, service, snapshot, tcp, udp};
use socket2::{SockAddr, Socket, Type};
use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::Command,
    time::Duration,
};
use weir_capture::{Capture, marks::TO_ENDPOINT};
use weir_testkit::Namespace;

const PATIENCE: Duration = Duration::from_secs(10);

fn web() -> TestService {
    service("web", ["10.96.0.10", "fd00:96::a"])
}

/// The node serves a Service; then `look` looks at it from inside.
fn on_the_node(look: impl FnOnce(&Hosts, &mut Capture, &StandIn) + Send) {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        apply(&mut capture, &snapshot(&[&web()]), &stand_in).await;
        look(&hosts, &mut capture, &stand_in);
    };
    hosts.node.run(body).unwrap();
}

/// A socket as weir's upstream ones: with an address that is a client's.
fn upstream(kind: Type, source: &str, endpoint: &str) -> io::Result<Socket> {
    let source: SocketAddr = source.parse().unwrap();
    let endpoint: SocketAddr = endpoint.parse().unwrap();
    let socket = common::transparent(kind, source, TO_ENDPOINT);
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect_timeout(&SockAddr::from(endpoint), PATIENCE)?;
    Ok(socket)
}

/// A server on another host that sends each client the address that it sees.
fn tell_whom_you_see(host: &Namespace, address: &str) {
    let listener = host.run(|| async { TcpListener::bind(address) }).unwrap().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let peer = client.peer_addr().unwrap();
            let _ = client.write_all(peer.to_string().as_bytes());
        }
    });
}

fn whom_it_sees(socket: Socket) -> String {
    let (mut stream, mut seen) = (TcpStream::from(socket), String::new());
    stream.read_to_string(&mut seen).unwrap();
    seen
}

/// What the node tracks of a port.
fn tracked(port: u16) -> Vec<String> {
    let all = fs::read_to_string("/proc/thread-self/net/nf_conntrack").unwrap();
    let of_port = |line: &&str| line.contains(&format!("dport={port} "));
    all.lines().filter(of_port).map(str::to_owned).collect()
}

#[test]
fn an_established_connection_goes_on_whatever_new_ones_get() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        apply(&mut capture, &snapshot(&[&web()]), &stand_in).await;
        let connect = || async { TcpStream::connect("10.96.0.10:80").unwrap() };
        let mut client = hosts.outside.run(connect).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut is_served = || {
            let mut answer = [0; 21];
            client.write_all(b"hello\n").unwrap();
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"outside 10.96.0.10:80");
        };
        is_served();
        apply(&mut capture, &snapshot(&[&web().without_endpoints()]), &stand_in).await;
        assert_eq!(tcp(&hosts.outside, "10.96.0.10:80"), Outcome::Refused);
        is_served();
        let silent = web().edited(|service| service.internal_local = true);
        apply(&mut capture, &snapshot(&[&silent]), &stand_in).await;
        assert_eq!(tcp(&hosts.outside, "10.96.0.10:80"), Outcome::Silence);
        is_served();
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn a_segment_of_a_connection_that_weir_does_not_have_is_reset() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        // It was there before its address became a Service's; as after a crash of weir.
        let listener = hosts.far.run(|| async { TcpListener::bind("10.8.0.2:80") }).unwrap().unwrap();
        let connect = || async { TcpStream::connect("10.8.0.2:80").unwrap() };
        let mut client = hosts.outside.run(connect).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        let web = web().edited(|service| service.external_ips.v4 = [[10, 8, 0, 2].into()].into());
        apply(&mut capture, &snapshot(&[&web]), &stand_in).await;
        client.write_all(b"hello\n").unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        drop(listener);
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn the_leg_to_the_client_is_not_tracked() {
    on_the_node(|hosts, _, _| {
        for from in [&hosts.outside, &hosts.pod, &hosts.node] {
            for to in ["10.96.0.10:80", "[fd00:96::a]:80"] {
                assert!(matches!(tcp(from, to), Outcome::Served(_)));
                assert!(matches!(udp(from, to), Outcome::Served(_)));
            }
        }
        assert_eq!(tracked(80), Vec::<String>::new());
    });
}

#[test]
fn what_weir_sends_to_endpoints_is_not_captured_again() {
    on_the_node(|hosts, _, _| {
        // The outside host has the Service's address for itself, as an endpoint might.
        hosts.outside.ip(&["address", "add", "10.96.0.10/32", "dev", "node"]).unwrap();
        tell_whom_you_see(&hosts.outside, "10.96.0.10:80");
        let socket = upstream(Type::STREAM, "10.9.0.1:0", "10.96.0.10:80").unwrap();
        assert!(whom_it_sees(socket).starts_with("10.9.0.1:"));
    });
}

#[test]
fn an_endpoint_in_a_pod_network_sees_the_client_and_is_not_tracked() {
    on_the_node(|hosts, _, _| {
        for (pod, client) in
            [("10.244.0.2:8081", "10.9.0.2:5001"), ("[fd00:244::2]:8081", "[fd00:9::2]:5001")]
        {
            tell_whom_you_see(&hosts.pod, pod);
            assert_eq!(whom_it_sees(upstream(Type::STREAM, client, pod).unwrap()), client);
        }
        assert_eq!(tracked(8081), Vec::<String>::new());
    });
}

#[test]
fn an_endpoint_elsewhere_that_others_masquerade_for_is_tracked_and_its_replies_come_back() {
    on_the_node(|hosts, _, _| {
        let rule = "table inet cni { chain post { type nat hook postrouting priority srcnat; \
                    oifname \"far\" masquerade; }; }";
        assert!(Command::new("nft").arg(rule).status().unwrap().success());
        for (far, client, node) in [
            ("10.8.0.2:8082", "10.9.0.2:5002", "10.8.0.1:"),
            ("[fd00:8::2]:8082", "[fd00:9::2]:5002", "[fd00:8::1]:"),
        ] {
            tell_whom_you_see(&hosts.far, far);
            let seen = whom_it_sees(upstream(Type::STREAM, client, far).unwrap());
            assert!(seen.starts_with(node), "{seen}");
        }
        assert_eq!(tracked(8082).len(), 2, "{:?}", tracked(8082));
    });
}

#[test]
fn an_endpoint_elsewhere_that_sees_the_client_reaches_weir_with_its_replies() {
    on_the_node(|hosts, _, _| {
        tell_whom_you_see(&hosts.far, "10.8.0.2:8083");
        let socket = upstream(Type::STREAM, "10.9.0.2:5003", "10.8.0.2:8083").unwrap();
        assert_eq!(whom_it_sees(socket), "10.9.0.2:5003");
    });
}

#[test]
fn an_endpoint_that_is_a_process_of_the_node_sees_the_client_too() {
    on_the_node(|hosts, _, _| {
        for (endpoint, client) in
            [("10.9.0.1:8084", "10.9.0.2:5004"), ("[fd00:9::1]:8084", "[fd00:9::2]:5004")]
        {
            tell_whom_you_see(&hosts.node, endpoint);
            assert_eq!(whom_it_sees(upstream(Type::STREAM, client, endpoint).unwrap()), client);
        }
    });
}

#[test]
fn a_refusal_of_a_datagram_reaches_the_socket_that_has_the_clients_address() {
    on_the_node(|_, _, _| {
        for (endpoint, client) in [
            ("10.244.0.2:9", "10.9.0.2:5005"),
            ("[fd00:244::2]:9", "[fd00:9::2]:5005"),
            ("10.8.0.2:9", "10.9.0.2:5006"),
        ] {
            let socket: UdpSocket = upstream(Type::DGRAM, client, endpoint).unwrap().into();
            socket.send(b"anybody?").unwrap();
            let refused = weir_testkit::uninterrupted(|| socket.recv(&mut [0])).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused, "{endpoint}");
        }
    });
}

#[test]
fn a_socket_that_answers_for_a_frontend_swallows_nothing_that_is_sent_to_it() {
    on_the_node(|hosts, _, _| {
        let frontend = "10.96.0.10:80".parse().unwrap();
        let _replies = common::transparent(Type::DGRAM, frontend, weir_capture::marks::TO_CLIENT);
        for _ in 0..3 {
            assert_eq!(udp(&hosts.outside, "10.96.0.10:80"), Outcome::Served("outside".into()));
            assert_eq!(udp(&hosts.pod, "10.96.0.10:80"), Outcome::Served("pod".into()));
        }
    });
}

#[test]
fn fragments_of_a_datagram_are_captured_as_one() {
    on_the_node(|hosts, _, _| {
        for (from, to) in [("0.0.0.0:0", "10.96.0.10:80"), ("[::]:0", "[fd00:96::a]:80")] {
            let ask = || async {
                let socket = UdpSocket::bind(from).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.send_to(format!("{to:5000}").as_bytes(), to).unwrap();
                let mut answer = [0; 100];
                let length = weir_testkit::uninterrupted(|| socket.recv(&mut answer)).unwrap();
                String::from_utf8_lossy(&answer[..length]).into_owned()
            };
            assert_eq!(hosts.outside.run(ask).unwrap(), format!("outside {to}"));
        }
    });
}

#[test]
fn other_traffic_of_the_node_is_left_alone() {
    on_the_node(|hosts, _, _| {
        // Forwarded, and tracked as ever.
        tell_whom_you_see(&hosts.far, "10.8.0.2:8085");
        let connect = || async { TcpStream::connect("10.8.0.2:8085").unwrap() };
        let (mut stream, mut seen) = (hosts.outside.run(connect).unwrap(), String::new());
        stream.read_to_string(&mut seen).unwrap();
        assert!(seen.starts_with("10.9.0.2:"));
    });
}
