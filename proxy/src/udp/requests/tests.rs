//! Does relaying captured datagrams leave the allocator alone? In a network namespace: needs root and nft(8).

use super::*;
use crate::{
    session::captured_frontends::CapturedFrontends,
    shared::command::{CapturedFrontend, FrontendChange},
    sys::socket,
    udp::{
        fixture,
        sessions::tests::{Burst, bursts, prepare, relay},
    },
};
use allocation_counter::measure;
use std::{net::SocketAddr, process::Command, sync::Arc};
use tokio::{net, runtime::Builder, task::LocalSet};
use weir_testkit::Namespace;

const VIP: &str = "10.96.0.10:53";

/// Makes this host deliver packets to a Service address locally, and brings them to the capture socket.
fn capture(port: u16) {
    let rules = format!(
        "add table inet weir; add chain inet weir in {{ type filter hook prerouting priority raw; }}; \
         add rule inet weir in ip daddr 10.96.0.10 meta l4proto udp tproxy ip to 127.0.0.1:{port} accept"
    );
    for command in [&["ip", "route", "add", "local", "10.96.0.10", "dev", "lo"][..], &["nft", &rules]] {
        assert!(Command::new(command[0]).args(&command[1..]).status().unwrap().success(), "{command:?}");
    }
}

async fn bind() -> net::UdpSocket {
    net::UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

async fn start(burst: Burst, stop: &CancellationToken) -> (net::UdpSocket, net::UdpSocket) {
    let (client, endpoint) = (bind().await, bind().await);
    let address: SocketAddr = VIP.parse().unwrap();
    let frontend = fixture::frontend(address, endpoint.local_addr().unwrap());
    let (kind, runtime) = (frontend.kind, Arc::clone(&frontend.runtime));
    let (udp, captured_frontends) = (fixture::udp(), Rc::<CapturedFrontends>::default());
    let captured = Frontend { protocol: Protocol::Udp, address };
    captured_frontends
        .change(&[FrontendChange { frontend: captured, target: Some(CapturedFrontend { kind, runtime }) }]);
    let localhost = Frontend { protocol: Protocol::Udp, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
    let capture_socket = socket::open_capture_group(localhost, 1, 1, 0).unwrap().remove(0);
    capture(capture_socket.local_addr().unwrap().as_socket().unwrap().port());
    let capture_socket = watch_captured(capture_socket.into()).unwrap();
    tokio::task::spawn_local(listen_captured(
        udp,
        capture_socket,
        CapturedSessions::new(&captured_frontends),
        Origin::Node,
        stop.clone(),
    ));
    client.connect(address).await.unwrap();
    prepare(&client, burst);
    (client, endpoint)
}

fn allocations_of(burst: Burst) -> [u64; 2] {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (tasks, stop) = (LocalSet::new(), CancellationToken::new());
    let (client, endpoint) = tasks.block_on(&runtime, start(burst, &stop));
    let allocations =
        |times| measure(|| tasks.block_on(&runtime, relay(&client, &endpoint, burst, times))).count_total;
    // The first bursts open the flow, and grow buffers as far as they ever grow.
    allocations(10);
    let counts = [allocations(1), allocations(100)];
    stop.cancel();
    counts
}

#[test]
fn relaying_a_captured_datagram_allocates_nothing() {
    for burst in bursts() {
        let Some(host) = Namespace::create("host") else { return };
        // On a thread of its own, which is not within a runtime yet.
        let counts = host.run(|| async { std::thread::spawn(move || allocations_of(burst)).join().unwrap() });
        let [one, many] = counts.unwrap();
        assert_eq!(one, many, "{burst:?}");
    }
}
