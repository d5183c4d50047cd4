//! Do datagrams pass links that are too small for them? In network namespaces: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{TestService, proxy, snapshot, within};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::{net::UdpSocket, sync::oneshot};
use weir_core::{PortSpec, Protocol, Service, ServiceKey};
use weir_testkit::{Namespace, UdpBehaviour, UdpServer};

const SMALL: &str = "1280";
const PORT: NonZeroU16 = NonZeroU16::new(5353).unwrap();

/// A node, and an outside host with the client and the endpoint. Their way to each other has a small link.
struct Hosts {
    /// One test at a time: `ip` is another process, which for a moment holds the sockets of all tests.
    _alone: MutexGuard<'static, ()>,
    node: Namespace,
    outside: Namespace,
    /// The router between them, if they are not neighbours.
    _router: Option<Namespace>,
}

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Neighbours with 10.9.0.1 and 10.9.0.2, fd00:9::1 and fd00:9::2, on a link that is small.
fn neighbours() -> Option<Hosts> {
    let (_alone, node, outside) = (alone(), Namespace::create("node")?, Namespace::create("outside")?);
    node.join("10.9.0.1/24", &outside, "10.9.0.2/24").unwrap();
    node.ip(&["address", "add", "fd00:9::1/64", "dev", "outside", "nodad"]).unwrap();
    outside.ip(&["address", "add", "fd00:9::2/64", "dev", "node", "nodad"]).unwrap();
    node.ip(&["link", "set", "outside", "mtu", SMALL]).unwrap();
    outside.ip(&["link", "set", "node", "mtu", SMALL]).unwrap();
    Some(Hosts { _alone, node, outside, _router: None })
}

/// 10.9.0.1 and 10.8.0.2, with a router between them. The small link is the one that the node does not see.
fn with_a_router() -> Option<Hosts> {
    let (_alone, node, outside) = (alone(), Namespace::create("node")?, Namespace::create("outside")?);
    let router = Namespace::create("router")?;
    node.join("10.9.0.1/24", &router, "10.9.0.254/24").unwrap();
    outside.join("10.8.0.2/24", &router, "10.8.0.254/24").unwrap();
    node.ip(&["route", "add", "default", "via", "10.9.0.254"]).unwrap();
    outside.ip(&["route", "add", "default", "via", "10.8.0.254"]).unwrap();
    router.ip(&["link", "set", "outside", "mtu", SMALL]).unwrap();
    outside.ip(&["link", "set", "router", "mtu", SMALL]).unwrap();
    let forward = || async { std::fs::write("/proc/sys/net/ipv4/ip_forward", "1") };
    router.run(forward).unwrap().unwrap();
    Some(Hosts { _alone, node, outside, _router: Some(router) })
}

/// Relays bursts of datagrams from the outside host to an endpoint there, and back.
fn there_and_back(hosts: &Hosts, frontend: &str, outside: &str) {
    let (frontend, outside): (IpAddr, IpAddr) = (frontend.parse().unwrap(), outside.parse().unwrap());
    let (started, endpoint) = oneshot::channel();
    let (ready, served) = oneshot::channel();
    let (_stop, stopped) = oneshot::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(|| hosts.node.run(|| serve(frontend, endpoint, ready, stopped)).unwrap());
        let test = || async move {
            let server = UdpServer::start((outside, 0).into(), UdpBehaviour::Echo).await.unwrap();
            started.send(server.address()).unwrap();
            let client = UdpSocket::bind((outside, 0)).await.unwrap();
            client.connect(served.await.unwrap()).await.unwrap();
            // A run of datagrams that must be fragmented, one that need not be, and the largest.
            for (count, length) in [(20, 1400), (20, 1200), (5, 9000), (1, 65_507), (20, 1400)] {
                burst(&client, count, length).await;
            }
            drop(_stop);
        };
        hosts.outside.run(test).unwrap();
    });
}

async fn serve(
    frontend: IpAddr,
    endpoint: oneshot::Receiver<SocketAddr>,
    ready: oneshot::Sender<SocketAddr>,
    stopped: oneshot::Receiver<()>,
) {
    let ports = vec![PortSpec { name: "".into(), protocol: Protocol::Udp, port: PORT, node_port: None }];
    let service = Service::new(ServiceKey::new("default", "dns"), frontend, ports);
    let service = TestService::new(service).with(&[endpoint.await.unwrap()]);
    let mut proxy = proxy();
    proxy.apply(&snapshot(&[&service])).await;
    ready.send(service.address()).unwrap();
    let _ = stopped.await;
}

async fn burst(client: &UdpSocket, count: u8, length: usize) {
    for number in 0..count {
        client.send(&vec![number; length]).await.unwrap();
    }
    let mut buffer = vec![0; 65_536];
    for number in 0..count {
        let received = within(client.recv(&mut buffer)).await.unwrap();
        assert_eq!(received, length);
        assert!(
            buffer[..length].iter().all(|&byte| byte == number),
            "{number} of {count} with {length} bytes"
        );
    }
}

#[test]
fn datagrams_larger_than_the_link_arrive_whole_and_in_order() {
    let Some(hosts) = neighbours() else { return };
    there_and_back(&hosts, "10.9.0.1", "10.9.0.2");
    there_and_back(&hosts, "fd00:9::1", "fd00:9::2");
}

#[test]
fn a_router_may_fragment_what_does_not_fit_its_next_link() {
    let Some(hosts) = with_a_router() else { return };
    there_and_back(&hosts, "10.9.0.1", "10.8.0.2");
}
