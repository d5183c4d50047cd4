//! On which hosts do these tests run? A client, a node with the data plane, and a host with endpoints.

use crate::{
    common::{TestService, snapshot},
    rules::{self, MARKS, ip, sysctl},
};
use std::{
    net::{IpAddr, SocketAddr},
    num::{NonZeroU16, NonZeroUsize},
    sync::{Mutex, MutexGuard, PoisonError},
};
use weir_core::{Bridges, Pods, PortRange, PortSpec, Protocol, Service, ServiceKey, Snapshot};
use weir_proxy::{Applied, Config, NodeMode, Proxy};
use weir_testkit::{Behaviour, Namespace, OwnThread, TcpServer, UdpBehaviour, UdpServer};

/// The client outside of the cluster, and the same host as a pod.
pub(crate) const OUTSIDE: [&str; 2] = ["10.1.0.2", "fd00:1::2"];
pub(crate) const POD: [&str; 2] = ["10.244.0.2", "fd00:244::2"];
/// The node as endpoints see it, and as clients do.
pub(crate) const NODE_TO_ENDPOINTS: [&str; 2] = ["10.2.0.1", "fd00:2::1"];
pub(crate) const NODE_TO_CLIENTS: [&str; 2] = ["10.1.0.1", "fd00:1::1"];
/// The host of endpoints.
pub(crate) const ENDPOINTS: [&str; 2] = ["10.2.0.2", "fd00:2::2"];
/// The address of a Service.
pub(crate) const VIP: [&str; 2] = ["10.96.0.10", "fd00:96::10"];

/// The hosts, and the proxy on the node.
pub(crate) struct Bed {
    // Dropped first: its threads are on the node.
    pub(crate) proxy: Proxy,
    pub(crate) client: Namespace,
    pub(crate) node: Namespace,
    pub(crate) backend: Namespace,
    _alone: MutexGuard<'static, ()>,
}

/// One test at a time: a program that is started holds the sockets of all tests for a moment.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the hosts and the proxy, which recognises pods by their address.
pub(crate) fn bed() -> Option<Bed> {
    let networks = rules::PODS.map(|network| network.parse().unwrap());
    bed_with(Pods::Within(networks.into()), |_| {})
}

pub(crate) fn bed_with(pods: Pods, change: impl FnOnce(&mut Config) + Send) -> Option<Bed> {
    let _alone = alone();
    let (client, node, backend) =
        (Namespace::create("client")?, Namespace::with_nft("node")?, Namespace::create("backend")?);
    connect(&node, &client, NODE_TO_CLIENTS, OUTSIDE);
    connect(&node, &backend, NODE_TO_ENDPOINTS, ENDPOINTS);
    for host in [&node, &backend] {
        // Several tests of a second may ask for refusals.
        host.set_parameter("net/ipv4/icmp_ratelimit", "0").unwrap();
        host.set_parameter("net/ipv6/icmp/ratelimit", "0").unwrap();
    }
    for pod in POD {
        client.ip(&["address", "add", pod, "dev", "lo"]).unwrap();
    }
    for (family, (pod, via)) in ["-4", "-6"].iter().zip(POD.iter().zip(OUTSIDE)) {
        node.ip(&[family, "route", "add", pod, "via", via]).unwrap();
    }
    // The node needs some route to Service addresses.
    for (family, via) in ["-4", "-6"].iter().zip(ENDPOINTS) {
        node.ip(&[family, "route", "add", "default", "via", via]).unwrap();
    }
    let node_mode = NodeMode {
        marks: MARKS,
        pods,
        masquerade_all: false,
        source_ports: vec![PortRange::DEFAULT_SOURCES],
    };
    let mut config =
        Config { workers: NonZeroUsize::new(2).unwrap(), node_mode: Some(node_mode), ..Config::default() };
    change(&mut config);
    let start = || async move {
        sysctl("net/ipv4/ip_forward", "1");
        sysctl("net/ipv6/conf/all/forwarding", "1");
        let proxy = Proxy::start(config).unwrap();
        rules::install(proxy.capture_sockets(), &Bridges::default());
        proxy
    };
    let proxy = node.run(start).unwrap();
    Some(Bed { proxy, client, node, backend, _alone })
}

fn connect(node: &Namespace, other: &Namespace, of_node: [&str; 2], of_other: [&str; 2]) {
    let [v4, v6] = of_node;
    node.join(&format!("{v4}/24"), other, &format!("{}/24", of_other[0])).unwrap();
    let role = |namespace: &Namespace| namespace.role();
    node.ip(&["address", "add", &format!("{v6}/64"), "dev", &role(other), "nodad"]).unwrap();
    other.ip(&["address", "add", &format!("{}/64", of_other[1]), "dev", &role(node), "nodad"]).unwrap();
    other.ip(&["route", "add", "default", "via", v4]).unwrap();
    other.ip(&["-6", "route", "add", "default", "via", v6]).unwrap();
}

impl Bed {
    /// Serves these Services from now on.
    pub(crate) fn apply(&mut self, services: &[&TestService]) -> Applied {
        self.apply_snapshot(&snapshot(services))
    }

    pub(crate) fn apply_snapshot(&mut self, snapshot: &Snapshot) -> Applied {
        let proxy = &mut self.proxy;
        self.node.run(|| proxy.apply(snapshot)).unwrap()
    }
}

/// A Service at an address that is no host's.
pub(crate) fn service_at(vip: &str, port: u16, protocol: Protocol) -> TestService {
    let port = NonZeroU16::new(port).unwrap();
    let ports = vec![PortSpec { name: "".into(), protocol, port, node_port: None }];
    let name = format!("{vip}-{port}-{protocol}").replace([':', '.'], "-").to_lowercase();
    TestService::new(Service::new(ServiceKey::new("default", name), ip(vip), ports))
}

/// A TCP server on a host.
pub(crate) fn serve_tcp(
    host: &Namespace,
    address: (&str, u16),
    behaviour: Behaviour,
) -> OwnThread<TcpServer> {
    let address = SocketAddr::new(ip(address.0), address.1);
    let start = || async { OwnThread::start(move || TcpServer::start(address, behaviour)).unwrap() };
    host.run(start).unwrap()
}

/// A UDP server on a host.
pub(crate) fn serve_udp(
    host: &Namespace,
    address: (&str, u16),
    behaviour: UdpBehaviour,
) -> OwnThread<UdpServer> {
    let address = SocketAddr::new(ip(address.0), address.1);
    let start = || async { OwnThread::start(move || UdpServer::start(address, behaviour)).unwrap() };
    host.run(start).unwrap()
}

/// Greeting that a client at an address and port (0 for any) gets from a server.
pub(crate) fn greeting_from(
    host: &Namespace,
    source: (&str, u16),
    frontend: SocketAddr,
) -> std::io::Result<String> {
    let source = SocketAddr::new(ip(source.0), source.1);
    host.run(|| async move {
        let client = client_at(source)?;
        let exchange = crate::common::exchange_over(client, frontend, b"");
        Ok(String::from_utf8(exchange.await?).unwrap())
    })
    .unwrap()
}

/// A socket of a client at this address.
pub(crate) fn client_at(source: SocketAddr) -> std::io::Result<tokio::net::TcpSocket> {
    let socket =
        if source.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(source)?;
    Ok(socket)
}

/// The addresses without their ports.
pub(crate) fn ips(addresses: &[SocketAddr]) -> Vec<IpAddr> {
    addresses.iter().map(SocketAddr::ip).collect()
}
