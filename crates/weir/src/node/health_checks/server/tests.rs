//! Do load balancers get kube-proxy's answers on the right ports?

use super::*;
use crate::{
    health::Health,
    http::client::{Client as Asking, get},
    node::health_checks::fixture::snapshot,
};
use serde_json::Value;
use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    time::Duration,
};
use tokio::net::TcpStream;
use weir_core::Family;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Ports that nobody uses in either family.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let bound: [TcpListener; COUNT] = std::array::from_fn(|_| TcpListener::bind("[::]:0").unwrap());
    bound.map(|listener| listener.local_addr().unwrap().port())
}

fn at(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}

fn ports() -> (HealthCheckPorts, mpsc::Receiver<AcceptedClient>) {
    let (clients, accepted) = mpsc::channel(MAX_WAITING_CLIENTS);
    (HealthCheckPorts::new(clients, DescriptorBudget::new(8), alone()), accepted)
}

/// The golden vectors were recorded from kube-proxy's server; ours must answer the same over a real socket.
#[tokio::test]
async fn every_recorded_health_check_gets_kube_proxys_answer() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/health_http.json");
    let vectors: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap().iter();
    let cases: Vec<_> = cases.filter(|case| case["name"].as_str().unwrap().starts_with("hcnp-")).collect();
    assert!(cases.len() >= 9, "vectors are missing");
    for case in cases {
        assert_answers(case).await;
    }
}

async fn assert_answers(case: &Value) {
    let (state, name) = (&case["state"], case["name"].as_str().unwrap());
    let probes = Probes::new(Health::new(true));
    let late = state["proxyHealthy"] == false;
    let past = ClockReading {
        monotonic: ClockReading::now().monotonic - Duration::from_secs(61),
        ..ClockReading::now()
    };
    probes.health().updated(Family::V4, past);
    if late {
        probes.health().queued(Family::V4, past);
    }
    let leaving = state["taint"] == "ToBeDeletedByClusterAutoscaler";
    probes.health().set_node(&weir_core::Node { leaving, ..weir_core::Node::named("node-a") });
    let [port] = free_ports();
    let mut checks = HealthChecks::start(probes, DescriptorBudget::new(8), alone());
    let count = usize::try_from(state["localEndpoints"].as_u64().unwrap()).unwrap();
    checks.apply(&snapshot(&[("svc1", port, count, 0)]), &[HERE]);
    let (method, path) = (case["method"].as_str().unwrap(), case["path"].as_str().unwrap());
    let mut seen = asking(at(HERE, port)).await.request(method, path).await;
    seen.headers.retain(|name, _| name != "Date");
    assert_eq!(seen.status, case["status"], "{name}");
    assert_eq!(serde_json::to_value(&seen.headers).unwrap(), case["headers"], "{name}");
    assert_eq!(seen.body, case["body"].as_str().unwrap(), "{name}");
    checks.close().await;
    assert!(TcpStream::connect(at(HERE, port)).await.is_err(), "{name}: the port is closed at the end");
}

/// Connects as soon as the task has had its turn.
async fn asking(address: SocketAddr) -> Asking {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
        if TcpStream::connect(address).await.is_ok() {
            return Asking::connect(address).await;
        }
    }
    panic!("{address} is not open");
}

#[tokio::test]
async fn each_family_has_a_port_and_a_count_of_its_own() {
    let [port] = free_ports();
    let checks = HealthChecks::start(Probes::new(Health::new(false)), DescriptorBudget::new(8), alone());
    let everywhere = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    checks.apply(&snapshot(&[("a", port, 3, 0)]), &everywhere);
    asking(at(HERE, port)).await;
    assert_eq!(get(at(HERE, port), "/").await.status, 200);
    let seen = get(at(Ipv6Addr::LOCALHOST.into(), port), "/").await;
    assert_eq!((seen.status, &*seen.headers["X-Load-Balancing-Endpoint-Weight"]), (503, "0"));
}

#[tokio::test]
async fn a_service_that_is_gone_closes_its_port_and_its_connections() {
    let [port] = free_ports();
    let checks = HealthChecks::start(Probes::new(Health::new(false)), DescriptorBudget::new(8), alone());
    checks.apply(&snapshot(&[("a", port, 1, 0)]), &[HERE]);
    let mut kept = asking(at(HERE, port)).await;
    assert_eq!(kept.request("GET", "/").await.status, 200);
    checks.apply(&Snapshot::default(), &[HERE]);
    let ended = tokio::io::AsyncReadExt::read(kept.stream(), &mut [0]).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    assert!(TcpStream::connect(at(HERE, port)).await.is_err());
    checks.apply(&snapshot(&[("a", port, 0, 0)]), &[HERE]);
    assert_eq!(asking(at(HERE, port)).await.request("GET", "/").await.status, 503, "it is open again");
}

#[tokio::test]
async fn an_open_port_passes_to_another_service_without_closing() {
    let [port, other] = free_ports();
    let (mut ports, _clients) = ports();
    let mut desired = DesiredReports::default();
    let touched = desired.update(&snapshot(&[("a", port, 1, 0)]), &[HERE]);
    ports.settle(&desired, &touched).await;
    let client = TcpStream::connect(at(HERE, port)).await.unwrap();
    let touched = desired.update(&snapshot(&[("b", port, 2, 0), ("a", other, 1, 0)]), &[HERE]);
    ports.settle(&desired, &touched).await;
    assert!(client.peer_addr().is_ok() && !ports.some_failed());
    for port in [port, other] {
        TcpStream::connect(at(HERE, port)).await.unwrap();
    }
}

#[tokio::test]
async fn a_port_moves_between_one_address_and_all_addresses() {
    let [port] = free_ports();
    let (mut ports, _clients) = ports();
    let (mut desired, one) = (DesiredReports::default(), snapshot(&[("a", port, 1, 0)]));
    for addresses in [[HERE], [Ipv4Addr::UNSPECIFIED.into()], [HERE]] {
        let touched = desired.update(&one, &addresses);
        ports.settle(&desired, &touched).await;
        assert!(!ports.some_failed(), "{addresses:?}");
        TcpStream::connect(at(HERE, port)).await.unwrap();
    }
}

#[tokio::test]
async fn a_port_that_is_in_use_is_tried_again_and_hinders_no_other() {
    let taken = TcpListener::bind(at(HERE, 0)).unwrap();
    let (port, [other]) = (taken.local_addr().unwrap().port(), free_ports());
    let (mut ports, mut clients) = ports();
    let mut desired = DesiredReports::default();
    let touched = desired.update(&snapshot(&[("a", port, 1, 0), ("b", other, 1, 0)]), &[HERE]);
    ports.settle(&desired, &touched).await;
    assert!(ports.some_failed());
    TcpStream::connect(at(HERE, other)).await.unwrap();
    assert_eq!(&*clients.recv().await.unwrap().report.get().service.name, "b");
    ports.retry(&desired);
    assert!(ports.some_failed(), "nothing has changed");
    drop(taken);
    ports.retry(&desired);
    assert!(!ports.some_failed());
    TcpStream::connect(at(HERE, port)).await.unwrap();
    assert_eq!(&*clients.recv().await.unwrap().report.get().service.name, "a");
}

#[tokio::test]
async fn ports_take_no_more_descriptors_than_there_are() {
    let (clients, _accepted) = mpsc::channel(MAX_WAITING_CLIENTS);
    let descriptors = DescriptorBudget::new(1);
    let mut ports = HealthCheckPorts::new(clients, Arc::clone(&descriptors), alone());
    let [first, second] = free_ports();
    let mut desired = DesiredReports::default();
    let touched = desired.update(&snapshot(&[("a", first, 1, 0), ("b", second, 1, 0)]), &[HERE]);
    ports.settle(&desired, &touched).await;
    assert!(ports.some_failed() && descriptors.acquire(1).is_none());
    let touched = desired.update(&snapshot(&[("b", second, 1, 0)]), &[HERE]);
    ports.settle(&desired, &touched).await;
    ports.retry(&desired);
    assert!(!ports.some_failed(), "the descriptor came back");
    ports.close().await;
    assert!(descriptors.acquire(1).is_some());
}

/// Says that no other weir runs here.
fn alone() -> watch::Receiver<bool> {
    watch::channel(false).1
}
