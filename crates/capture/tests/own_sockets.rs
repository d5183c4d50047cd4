//! Whose packets are taken in: those of weir's sockets to the last segment, and nobody else's? Needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{Hosts, StandIn, apply, options, service, snapshot, transparent};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};
use weir_capture::{Capture, marks::TO_ENDPOINT};
use weir_testkit::eventually;

const PATIENCE: Duration = Duration::from_secs(10);
/// A client of each family, which is a host outside, and a server in a pod.
const PAIRS: [(&str, &str); 2] =
    [("10.9.0.2:5010", "10.244.0.2:8090"), ("[fd00:9::2]:5010", "[fd00:244::2]:8090")];

/// The node captures; then `look` looks at it from inside.
fn on_the_node(look: impl FnOnce(&Hosts) + Send) {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        let web = service("web", ["10.96.0.10", "fd00:96::a"]);
        apply(&mut capture, &snapshot(&[&web]), &stand_in).await;
        look(&hosts);
    };
    hosts.node.run(body).unwrap();
}

fn connect(socket: Socket, endpoint: &str) -> TcpStream {
    let endpoint: SocketAddr = endpoint.parse().unwrap();
    socket.connect_timeout(&SockAddr::from(endpoint), PATIENCE).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

#[test]
fn segments_for_a_socket_in_time_wait_come_here_although_it_has_no_mark_any_more() {
    on_the_node(|hosts| {
        for (client, endpoint) in PAIRS {
            let client: SocketAddr = client.parse().unwrap();
            let listener = hosts.pod.run(|| async { TcpListener::bind(endpoint) }).unwrap().unwrap();
            let upstream = connect(transparent(Type::STREAM, client, TO_ENDPOINT), endpoint);
            let (mut accepted, _) = listener.accept().unwrap();
            drop(upstream);
            assert_eq!(accepted.read(&mut [0]).unwrap(), 0);
            // The pod does not hear that its end has come, and says it again.
            let deaf = "table inet deaf\ndelete table inet deaf\ntable inet deaf { chain input { type filter hook input \
                        priority 0; tcp sport 5010 tcp flags & (rst | ack) == ack counter drop; }; }";
            hosts.pod.nft(deaf).unwrap();
            drop(accepted);
            eventually("answers to a repeated end", true, || {
                let rules = hosts.pod.nft("list table inet deaf").unwrap();
                let packets = rules.split("packets ").nth(1).and_then(|text| text.split(' ').next());
                packets.unwrap().parse::<u32>().unwrap() >= 3
            });
            hosts.pod.nft("delete table inet deaf").unwrap();
        }
    });
}

#[test]
fn a_transparent_socket_of_another_program_takes_nothing_of_what_passes_through() {
    on_the_node(|hosts| {
        for (client, endpoint) in PAIRS {
            let client: SocketAddr = client.parse().unwrap();
            let listener = hosts.pod.run(|| async { TcpListener::bind(endpoint) }).unwrap().unwrap();
            // As a proxy of somebody else's has it.
            let foreign = transparent(Type::STREAM, client, 0);
            foreign.listen(1).unwrap();
            let bound = || async {
                let socket = Socket::new(Domain::for_address(client), Type::STREAM, None).unwrap();
                socket.bind(&client.into()).unwrap();
                connect(socket, endpoint)
            };
            let mut direct = hosts.outside.run(bound).unwrap();
            let (mut accepted, _) = listener.accept().unwrap();
            accepted.write_all(b"!").unwrap();
            assert_eq!(direct.read(&mut [0]).unwrap(), 1);
        }
    });
}
