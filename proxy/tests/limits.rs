//! Is the right one refused at a limit, and everybody else served?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{TestService, connect, exchange, proxy_with, server, service, snapshot, states, within};
use std::{
    io::ErrorKind,
    num::NonZeroU32,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream, UdpSocket},
};
use weir_core::{Limits, Protocol};
use weir_proxy::{FrontendState, Proxy};
use weir_testkit::{Behaviour, TcpServer, UdpBehaviour, UdpServer};

fn count(number: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(number)
}

/// A client that is served, or was refused.
async fn visit(service: &TestService) -> Option<TcpStream> {
    match connect(service.address()).await {
        Ok(mut client) => greeted(&mut client).await.then_some(client),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            None
        }
    }
}

/// Visits a Service from the address `source`.
async fn visit_from(source: &str, service: &TestService) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    let mut client = within(socket.connect(service.address())).await.unwrap();
    greeted(&mut client).await.then_some(client)
}

async fn greeted(client: &mut TcpStream) -> bool {
    match within(client.read_u8()).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "a refusal is never a clean end");
            false
        }
    }
}

/// Visits until one is refused.
async fn fill(service: &TestService) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    while let Some(client) = visit(service).await {
        clients.push(client);
    }
    clients
}

/// Waits until so many connections are open.
async fn wait_for_connections(proxy: &Proxy, count: usize) {
    within(async {
        while proxy.connections().await.len() != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn greeter() -> TcpServer {
    server(Behaviour::Greet("a".into())).await
}

fn limited(name: &str, server: &TcpServer, limits: Limits) -> TestService {
    let mut service = service(name, Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    service.settings().limits = limits;
    service
}

#[tokio::test]
async fn at_the_limit_of_the_process_the_service_with_most_connections_is_refused_and_a_small_one_served() {
    let server = greeter().await;
    let [hog, small] = ["hog", "small"].map(|name| limited(name, &server, Limits::default()));
    let mut proxy = proxy_with(|config| config.max_connections = 34);
    proxy.apply(&snapshot(&[&hog, &small])).await;
    let mut held = fill(&hog).await;
    assert_eq!(held.len(), 32, "16 of 17 places");
    let beside = visit(&small).await.expect("there is room for a small one");
    assert!(visit(&hog).await.is_none());
    // When some of the large one's end, it gets as many again.
    held.truncate(29);
    wait_for_connections(&proxy, 30).await;
    assert!(visit(&hog).await.is_some());
    drop(beside);
}

#[tokio::test]
async fn without_descriptors_for_another_connection_newcomers_are_refused_and_served_again_later() {
    let server = greeter().await;
    let web = limited("web", &server, Limits::default());
    // Two listening sockets, and room for twenty connections.
    let mut proxy = proxy_with(|config| config.descriptors = 42);
    proxy.apply(&snapshot(&[&web])).await;
    let held = fill(&web).await;
    assert_eq!(held.len(), 18, "16 of 17 places, all but two here");
    drop(held);
    wait_for_connections(&proxy, 0).await;
    assert!(visit(&web).await.is_some());
}

#[tokio::test]
async fn listening_sockets_are_paid_from_the_same_budget_and_few_are_better_than_none() {
    let server = greeter().await;
    let [first, second] = ["first", "second"].map(|name| limited(name, &server, Limits::default()));
    for (descriptors, served) in [(4, true), (3, true), (2, false)] {
        let mut proxy = proxy_with(|config| config.descriptors = descriptors);
        proxy.apply(&snapshot(&[&first])).await;
        let states = states(&proxy.apply(&snapshot(&[&first, &second])).await);
        let failed =
            matches!(&states[..], [FrontendState::Failed(why)] if why.to_string().contains("ulimit -n"));
        assert_eq!(failed, !served, "{descriptors}: {states:?}");
    }
}

#[tokio::test]
async fn a_service_at_its_limit_refuses_and_others_are_served() {
    let server = greeter().await;
    let web = limited("web", &server, Limits { connections: count(3), ..Limits::default() });
    let other = limited("other", &server, Limits::default());
    let mut proxy = proxy_with(|_| ());
    proxy.apply(&snapshot(&[&web, &other])).await;
    let mut held = fill(&web).await;
    assert_eq!(held.len(), 3);
    assert!(visit(&other).await.is_some());
    held.pop();
    wait_for_connections(&proxy, 2).await;
    assert!(visit(&web).await.is_some());
}

#[tokio::test]
async fn a_client_at_its_limit_is_refused_and_other_clients_are_served() {
    let server = greeter().await;
    let web = limited("web", &server, Limits { connections_per_client: count(2), ..Limits::default() });
    let mut proxy = proxy_with(|_| ());
    proxy.apply(&snapshot(&[&web])).await;
    let held = fill(&web).await;
    assert_eq!(held.len(), 2);
    let other = visit_from("127.0.0.77", &web).await.expect("another client has places of its own");
    drop(held);
    wait_for_connections(&proxy, 1).await;
    assert!(visit(&web).await.is_some());
    drop(other);
}

#[tokio::test]
async fn clients_beyond_the_accept_rate_wait_and_none_is_refused() {
    let server = greeter().await;
    let web = limited("web", &server, Limits { accept_rate: count(100), ..Limits::default() });
    let mut proxy = proxy_with(|_| ());
    proxy.apply(&snapshot(&[&web])).await;
    let start = Instant::now();
    let visits: Vec<_> = (0..60).map(|_| exchange(web.address(), b"")).collect();
    for visit in visits {
        assert_eq!(visit.await.unwrap(), b"a");
    }
    // Ten come at once. A lower bound is what the limit means; there is no upper one.
    assert!(start.elapsed() >= Duration::from_millis(490), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_drain_serves_a_client_that_waits_for_the_accept_rate() {
    let server = greeter().await;
    let web = limited("web", &server, Limits { accept_rate: count(1), ..Limits::default() });
    let mut proxy = proxy_with(|config| config.workers = std::num::NonZeroUsize::MIN);
    proxy.apply(&snapshot(&[&web])).await;
    drop(visit(&web).await.unwrap());
    // The accept rate admits these after one, two and three seconds.
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(connect(web.address()).await.unwrap());
    }
    let (_, ()) = tokio::join!(proxy.drain(Duration::from_secs(20)), async {
        for mut client in waiting {
            assert!(greeted(&mut client).await);
            client.shutdown().await.unwrap();
        }
    });
}

/// Sends a datagram and waits for the echo.
async fn ask(client: &UdpSocket) {
    within(async {
        client.send(b"x").await.unwrap();
        client.recv(&mut [0; 8]).await.unwrap();
    })
    .await;
}

async fn client(source: &str, service: &TestService) -> UdpSocket {
    let client = UdpSocket::bind(format!("{source}:0")).await.unwrap();
    client.connect(service.address()).await.unwrap();
    client
}

#[tokio::test]
async fn a_client_with_too_many_udp_flows_loses_its_own_whichever_workers_have_them() {
    let server = UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo).await.unwrap();
    let mut dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[server.address()]);
    dns.settings().limits.udp_flows_per_client = count(3);
    let mut proxy = proxy_with(|_| ());
    proxy.apply(&snapshot(&[&dns])).await;
    let other = client("127.0.0.78", &dns).await;
    ask(&other).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(client("127.0.0.77", &dns).await);
        ask(clients.last().unwrap()).await;
    }
    assert_eq!(server.sources().len(), 21);
    // The newest one is still there, and so is that of the other client.
    ask(clients.last().unwrap()).await;
    ask(&other).await;
    assert_eq!(server.sources().len(), 21);
    // The oldest one is not.
    ask(&clients[0]).await;
    assert_eq!(server.sources().len(), 22);
}

#[tokio::test]
async fn with_few_descriptors_newcomers_displace_idle_udp_flows() {
    let server = UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo).await.unwrap();
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[server.address()]);
    let mut proxy = proxy_with(|config| {
        config.workers = std::num::NonZeroUsize::MIN;
        (config.descriptors, config.udp_flows) = (5, 1000);
    });
    proxy.apply(&snapshot(&[&dns])).await;
    let steady = client("127.0.0.77", &dns).await;
    ask(&steady).await;
    for _ in 0..20 {
        ask(&client("127.0.0.1", &dns).await).await;
        ask(&steady).await;
    }
    assert_eq!(server.sources().len(), 21, "a flow in use keeps its place");
}
