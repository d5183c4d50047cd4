//! What does every test of the data plane start from? A Service in front of real servers.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use weir_core::{Node, PortSpec, Protocol, Service, ServiceKey, Snapshot};
use weir_proxy::{Applied, Config, FrontendRow, FrontendState, Proxy};
use weir_testkit::{Behaviour, TcpServer, services};
pub(crate) use weir_testkit::{
    HANG,
    services::{NODE, TestService, free_port},
};

/// A Service with one port on a free port of `ip`, without endpoints.
pub(crate) fn service(name: &str, protocol: Protocol, ip: &str) -> TestService {
    let ip: IpAddr = ip.parse().unwrap();
    let port = free_port(protocol, ip);
    let ports = vec![PortSpec { name: "".into(), protocol, port, node_port: None }];
    let service = Service::new(ServiceKey::new("default", name), ip, ports);
    TestService::new(service)
}

/// The Snapshot of [`NODE`] with these Services.
pub(crate) fn snapshot(services: &[&TestService]) -> Snapshot {
    services::snapshot(&Node::named(NODE), services)
}

/// A data plane with two workers.
pub(crate) fn proxy() -> Proxy {
    proxy_with(|_| {})
}

pub(crate) fn proxy_with(change: impl FnOnce(&mut Config)) -> Proxy {
    let mut config = Config { workers: NonZeroUsize::new(2).unwrap(), ..Config::default() };
    change(&mut config);
    Proxy::start(config).unwrap()
}

/// A data plane that serves these Services.
pub(crate) async fn serving(services: &[&TestService]) -> Proxy {
    let mut proxy = proxy();
    let applied = proxy.apply(&snapshot(services)).await;
    let failed = |row: &FrontendRow| matches!(row.state, FrontendState::Failed(_));
    // Else the test would talk to whoever took the port after it was found to be free.
    assert!(!applied.rows.iter().any(failed), "{:?}", applied.rows);
    proxy
}

/// The states of the frontends that changed.
pub(crate) fn states(applied: &Applied) -> Vec<FrontendState> {
    applied.rows.iter().map(|row| row.state.clone()).collect()
}

/// Runs a step that must not hang.
pub(crate) async fn within<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, step).await.expect("the step hangs")
}

/// Looks again and again until something is so: no event tells of it.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Connects, or says how the client fails.
pub(crate) async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    within(TcpStream::connect(address)).await
}

/// Sends `request`, ends the sending side and reads all of the answer.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    converse(connect(address).await?, request).await
}

/// Does an [`exchange`] over a socket that may be bound.
pub(crate) async fn exchange_over(
    socket: tokio::net::TcpSocket,
    address: SocketAddr,
    request: &[u8],
) -> std::io::Result<Vec<u8>> {
    converse(within(socket.connect(address)).await?, request).await
}

async fn converse(mut client: TcpStream, request: &[u8]) -> std::io::Result<Vec<u8>> {
    client.write_all(request).await?;
    client.shutdown().await?;
    let mut answer = Vec::new();
    within(client.read_to_end(&mut answer)).await?;
    Ok(answer)
}

/// Connects and reads the name with which a server greets.
pub(crate) async fn greeting(address: SocketAddr) -> std::io::Result<String> {
    Ok(String::from_utf8(exchange(address, b"").await?).unwrap())
}

/// A server on a loopback address of its own.
pub(crate) async fn server(behaviour: Behaviour) -> TcpServer {
    TcpServer::start("127.0.0.2:0".parse().unwrap(), behaviour).await.unwrap()
}

/// Servers that greet with these names.
pub(crate) async fn greeters(names: &[&str]) -> Vec<TcpServer> {
    let mut servers = Vec::new();
    for name in names {
        servers.push(server(Behaviour::Greet((*name).to_owned())).await);
    }
    servers
}

/// Addresses at which servers listen.
pub(crate) fn addresses(servers: &[TcpServer]) -> Vec<SocketAddr> {
    servers.iter().map(TcpServer::address).collect()
}
