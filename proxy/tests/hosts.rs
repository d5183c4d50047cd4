//! Who is served when clients are other hosts? In network namespaces: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{TestService, greeting, proxy, service, within};
use std::{
    net::SocketAddr,
    num::NonZeroU16,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
};
use weir_core::{Conditions, Node, PerFamily, Protocol, Snapshot};
use weir_testkit::{Behaviour, Namespace, TcpServer, services};

const NODE_PORT: u16 = 30080;

/// A node at 10.9.0.1 and an outside host at 10.9.0.2.
struct Hosts {
    /// One test at a time: `ip` is another process, which for a moment holds the sockets of all tests.
    _alone: MutexGuard<'static, ()>,
    node: Namespace,
    outside: Namespace,
}

fn hosts() -> Option<Hosts> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = Hosts { _alone, node: Namespace::create("node")?, outside: Namespace::create("outside")? };
    hosts.node.join("10.9.0.1/24", &hosts.outside, "10.9.0.2/24").unwrap();
    Some(hosts)
}

/// The Snapshot of a node with the InternalIP 10.9.0.1.
fn snapshot(service: &TestService) -> Snapshot {
    let node = Node { known: true, internal_ips: vec![[10, 9, 0, 1].into()], ..Node::named(common::NODE) };
    services::snapshot(&node, &[service])
}

/// Serves each Snapshot that comes, on the node, until the sender is gone.
async fn serve_all(mut snapshots: mpsc::UnboundedReceiver<(Snapshot, oneshot::Sender<()>)>) {
    let mut proxy = proxy();
    while let Some((snapshot, served)) = snapshots.recv().await {
        proxy.apply(&snapshot).await;
        served.send(()).unwrap();
    }
}

/// Runs `test` beside a proxy on the node; `apply` has it serve a Service.
fn on(hosts: &Hosts, test: impl FnOnce(&dyn Fn(&TestService)) + Send) {
    let (sender, snapshots) = mpsc::unbounded_channel();
    std::thread::scope(|scope| {
        scope.spawn(|| hosts.node.run(|| serve_all(snapshots)).unwrap());
        let apply = move |service: &TestService| {
            let (served, done) = oneshot::channel();
            sender.send((snapshot(service), served)).unwrap();
            done.blocking_recv().unwrap();
        };
        test(&apply);
    });
}

/// Time that a client waits before it is sure that nobody answers.
const SILENCE: Duration = Duration::from_millis(300);

/// Whether a client hears nothing at all: neither an answer nor a refusal.
fn is_dropped(host: &Namespace, address: &str) -> bool {
    let address: SocketAddr = address.parse().unwrap();
    host.run(|| async move { tokio::time::timeout(SILENCE, TcpStream::connect(address)).await.is_err() })
        .unwrap()
}

fn ask(host: &Namespace, address: &str) -> std::io::Result<String> {
    let address: SocketAddr = address.parse().unwrap();
    host.run(|| within(greeting(address))).unwrap()
}

/// An endpoint on the node itself, while `test` runs.
fn with_endpoint(hosts: &Hosts, test: impl FnOnce(SocketAddr) + Send) {
    with_endpoint_at("10.9.0.1:0", hosts, test);
}

fn with_endpoint_at(address: &str, hosts: &Hosts, test: impl FnOnce(SocketAddr) + Send) {
    let address: SocketAddr = address.parse().unwrap();
    let (started, start) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            hosts.node.run(|| async {
                let server = TcpServer::start(address, Behaviour::Greet("pod".into())).await.unwrap();
                started.send(server.address()).unwrap();
                let _ = stopped.await;
            })
        });
        test(start.blocking_recv().unwrap());
        drop(stop);
    });
}

fn node_port_service() -> TestService {
    let mut web = service("web", Protocol::Tcp, "127.0.0.9");
    web.service.ports[0].node_port = NonZeroU16::new(NODE_PORT);
    web
}

/// A Service with externalTrafficPolicy Local and this endpoint, which is local.
fn local_service(endpoint: SocketAddr) -> TestService {
    let mut web = node_port_service().with(&[endpoint]);
    web.service.external_local = true;
    web
}

#[test]
fn with_external_policy_local_and_only_remote_endpoints_the_node_is_served_and_others_are_dropped() {
    let Some(hosts) = hosts() else { return };
    with_endpoint(&hosts, |endpoint| {
        on(&hosts, |apply| {
            let mut web = local_service(endpoint);
            apply(&web);
            assert_eq!(ask(&hosts.outside, "10.9.0.1:30080").unwrap(), "pod");

            web.endpoints = vec![(endpoint, Conditions::default(), "node-b")];
            apply(&web);
            assert_eq!(ask(&hosts.node, "10.9.0.1:30080").unwrap(), "pod");
            assert!(is_dropped(&hosts.outside, "10.9.0.1:30080"));

            web = web.with(&[endpoint]);
            apply(&web);
            assert_eq!(ask(&hosts.outside, "10.9.0.1:30080").unwrap(), "pod");
        });
    });
}

#[test]
fn the_node_is_served_without_a_gap_while_local_endpoints_come_and_go() {
    let Some(hosts) = hosts() else { return };
    with_endpoint(&hosts, |endpoint| {
        on(&hosts, |apply| {
            let mut web = local_service(endpoint);
            apply(&web);
            let stop = AtomicBool::new(false);
            let visit = || async {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(within(greeting(([10, 9, 0, 1], NODE_PORT).into())).await.unwrap(), "pod");
                }
            };
            std::thread::scope(|scope| {
                let visitor = scope.spawn(|| hosts.node.run(visit).unwrap());
                for node in ["node-b", common::NODE].into_iter().cycle().take(50) {
                    web.endpoints = vec![(endpoint, Conditions::default(), node)];
                    apply(&web);
                }
                stop.store(true, Ordering::Relaxed);
                visitor.join().unwrap();
            });
        });
    });
}

#[test]
fn load_balancer_source_ranges_drop_clients_outside_of_them() {
    let Some(hosts) = hosts() else { return };
    hosts.node.ip(&["route", "add", "local", "198.51.100.0/24", "dev", "lo"]).unwrap();
    hosts.outside.ip(&["route", "add", "198.51.100.0/24", "via", "10.9.0.1"]).unwrap();
    with_endpoint(&hosts, |endpoint| {
        on(&hosts, |apply| {
            let mut web = node_port_service().with(&[endpoint]);
            web.service.load_balancer_ips =
                PerFamily { v4: [[198, 51, 100, 9].into()].into(), v6: Box::default() };
            let address = format!("198.51.100.9:{}", web.service.ports[0].port);
            web.service.source_ranges =
                PerFamily { v4: ["10.9.0.2/32".parse().unwrap()].into(), v6: Box::default() };
            apply(&web);
            assert_eq!(ask(&hosts.outside, &address).unwrap(), "pod");

            web.service.source_ranges.v4 = ["10.9.0.3/32".parse().unwrap()].into();
            apply(&web);
            assert!(is_dropped(&hosts.outside, &address));
            assert_eq!(
                ask(&hosts.outside, "10.9.0.1:30080").unwrap(),
                "pod",
                "only the load balancer's address is guarded"
            );
        });
    });
}

#[test]
fn load_balancer_source_ranges_guard_ipv6_addresses_too() {
    let Some(hosts) = hosts() else { return };
    hosts.node.ip(&["address", "add", "fd00:9::1/64", "dev", "outside", "nodad"]).unwrap();
    hosts.outside.ip(&["address", "add", "fd00:9::2/64", "dev", "node", "nodad"]).unwrap();
    hosts.node.ip(&["address", "add", "2001:db8:1::9", "dev", "lo"]).unwrap();
    hosts.outside.ip(&["route", "add", "2001:db8:1::/64", "via", "fd00:9::1"]).unwrap();
    with_endpoint_at("[fd00:9::1]:0", &hosts, |endpoint| {
        on(&hosts, |apply| {
            let mut web = service("web", Protocol::Tcp, "::1").with(&[endpoint]);
            let address = format!("[2001:db8:1::9]:{}", web.service.ports[0].port);
            web.service.load_balancer_ips.v6 = ["2001:db8:1::9".parse().unwrap()].into();
            web.service.source_ranges.v6 = ["fd00:9::2/127".parse().unwrap()].into();
            apply(&web);
            assert_eq!(ask(&hosts.outside, &address).unwrap(), "pod");

            web.service.source_ranges.v6 = ["fd00:9::4/127".parse().unwrap()].into();
            apply(&web);
            assert!(is_dropped(&hosts.outside, &address));
        });
    });
}

#[test]
fn a_whole_service_network_routed_to_lo_is_served_without_any_address_on_an_interface() {
    let Some(hosts) = hosts() else { return };
    hosts.node.ip(&["route", "add", "local", "10.96.0.0/16", "dev", "lo"]).unwrap();
    hosts.outside.ip(&["route", "add", "10.96.0.0/16", "via", "10.9.0.1"]).unwrap();
    with_endpoint(&hosts, |endpoint| {
        on(&hosts, |apply| {
            let mut web = node_port_service().with(&[endpoint]);
            web.service.cluster_ips = PerFamily { v4: Some([10, 96, 0, 10].into()), v6: None };
            apply(&web);
            let address = web.address().to_string();
            assert_eq!(ask(&hosts.outside, &address).unwrap(), "pod");
            assert_eq!(ask(&hosts.node, &address).unwrap(), "pod");
        });
    });
}
