//! Does what an operator does to endpoints and connections reach those, and no others?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{
    TestService, connect, eventually, greeters, greeting, server, service, serving, snapshot, within,
};
use std::{io::ErrorKind, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};
use weir_core::{Policy, Protocol};
use weir_proxy::{Closed, ConnectionFilter, EndpointState, Proxy};
use weir_testkit::{Behaviour, UdpBehaviour, UdpServer};

/// A client of a server that echoes, which has had an answer.
async fn client(service: &TestService) -> TcpStream {
    let mut client = connect(service.address()).await.unwrap();
    say(&mut client).await.unwrap();
    client
}

async fn say(client: &mut TcpStream) -> std::io::Result<u8> {
    client.write_all(b"x").await?;
    within(client.read_u8()).await
}

async fn is_reset(client: &mut TcpStream) -> bool {
    matches!(within(client.read_u8()).await, Err(error) if error.kind() == ErrorKind::ConnectionReset)
}

fn at(endpoint: SocketAddr) -> ConnectionFilter {
    ConnectionFilter { endpoint: Some((endpoint.ip(), Some(endpoint.port()))), ..ConnectionFilter::default() }
}

fn of(service: &str) -> ConnectionFilter {
    ConnectionFilter { service: Some(service.into()), ..ConnectionFilter::default() }
}

/// Waits until so many connections have ended; returns their reasons.
async fn closed(proxy: &Proxy, count: usize) -> Vec<Closed> {
    let observer = proxy.observer();
    let mut closed = Vec::new();
    eventually("connections have ended", async || {
        closed = observer.closed(&ConnectionFilter::default()).await.0;
        closed.len() >= count
    })
    .await;
    closed.iter().filter_map(|closed| Some(closed.end?.reason)).collect()
}

#[tokio::test]
async fn connections_that_match_are_reset_on_both_sides_and_the_others_go_on() {
    let servers = [server(Behaviour::Echo).await, server(Behaviour::Echo).await];
    let [web, other] = [("web", &servers[0]), ("other", &servers[1])]
        .map(|(name, server)| service(name, Protocol::Tcp, "127.0.0.9").with(&[server.address()]));
    let proxy = serving(&[&web, &other]).await;
    let killer = proxy.killer();
    let (mut first, mut second, mut apart) = (client(&web).await, client(&web).await, client(&other).await);

    let id = proxy
        .connections()
        .await
        .iter()
        .find(|info| info.flow.client == first.local_addr().unwrap())
        .unwrap()
        .id;
    assert_eq!(killer.connections(ConnectionFilter { id: Some(id), ..ConnectionFilter::default() }).await, 1);
    assert!(is_reset(&mut first).await);
    assert_eq!(closed(&proxy, 1).await, [Closed::Killed]);
    assert_eq!(killer.connections(ConnectionFilter { id: Some(id), ..ConnectionFilter::default() }).await, 0);
    say(&mut second).await.unwrap();

    assert_eq!(killer.connections(of("web")).await, 1);
    assert!(is_reset(&mut second).await);
    say(&mut apart).await.unwrap();

    let elsewhere =
        ConnectionFilter { client: Some("10.0.0.0/8".parse().unwrap()), ..ConnectionFilter::default() };
    assert_eq!(killer.connections(elsewhere).await, 0);
    let here = ConnectionFilter { client: Some("127.0.0.0/8".parse().unwrap()), ..at(servers[1].address()) };
    assert_eq!(killer.connections(here).await, 1);
    assert!(is_reset(&mut apart).await);
    assert_eq!(closed(&proxy, 3).await, [Closed::Killed; 3]);
    for server in &servers {
        eventually("the endpoint hears of it", async || server.open() == 0).await;
    }
}

#[tokio::test]
async fn of_a_thousand_connections_those_that_match_end_and_each_is_counted_once() {
    let echo = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[echo.address()]);
    let proxy = serving(&[&web]).await;
    let mut clients = Vec::new();
    for _ in 0..1000 {
        clients.push(client(&web).await);
    }
    let killer = proxy.killer();
    let [one, two] = [killer.connections(of("web")), killer.connections(of("web"))];
    let (one, two) = tokio::join!(one, two);
    assert_eq!(one + two, 1000);
    for client in &mut clients {
        assert!(is_reset(client).await);
    }
}

#[tokio::test]
async fn a_flow_that_is_ended_begins_anew_with_the_next_datagram() {
    let echo =
        UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Greet("a".into())).await.unwrap();
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[echo.address()]);
    let proxy = serving(&[&dns]).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(dns.address()).await.unwrap();
    let ask = async || {
        client.send(b"x").await.unwrap();
        within(client.recv(&mut [0; 16])).await.unwrap();
    };
    ask().await;
    let killer = proxy.killer();
    assert_eq!(killer.connections(of("dns")).await, 0, "there are only flows");
    assert_eq!(killer.flows(of("web")).await, 0);
    assert_eq!(killer.flows(at(echo.address())).await, 1);
    ask().await;
    assert_eq!(killer.flows(of("dns")).await, 1, "the client has another flow");
}

#[tokio::test]
async fn an_endpoint_of_weight_0_keeps_its_connections_and_gets_no_client_not_even_one_with_affinity() {
    let names = greeters(&["a", "b"]).await;
    let [a, b] = [names[0].address(), names[1].address()];
    let echo = server(Behaviour::Echo).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[a, b, echo.address()]);
    web.settings().balance = Policy::RoundRobin;
    web.service.affinity = Some(Duration::from_secs(600));
    let web = web.with_weight(a, 0).with_weight(b, 0);
    let mut proxy = serving(&[&web]).await;
    let mut held = client(&web).await;

    let web = web.with_weight(echo.address(), 0).with_weight(a, 7);
    proxy.apply(&snapshot(&[&web])).await;
    for _ in 0..5 {
        assert_eq!(greeting(web.address()).await.unwrap(), "a");
    }
    say(&mut held).await.unwrap();
    let key = proxy.connections().await[0].port.clone();
    let states: Vec<_> = proxy
        .observer()
        .endpoints(&key, weir_core::Family::V4)
        .iter()
        .map(|view| (view.endpoint.address, view.state, view.reason))
        .collect();
    assert!(states.contains(&(echo.address(), EndpointState::Draining, Some("maintenance"))), "{states:?}");

    let web = web.with_weight(a, 0);
    proxy.apply(&snapshot(&[&web])).await;
    assert_eq!(connect(web.address()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    say(&mut held).await.unwrap();
    let web = web.with_weight(b, 1);
    proxy.apply(&snapshot(&[&web])).await;
    assert_eq!(greeting(web.address()).await.unwrap(), "b");
}

#[tokio::test]
async fn clients_are_spread_by_weight() {
    let names = greeters(&["a", "b"]).await;
    let [a, b] = [names[0].address(), names[1].address()];
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[a, b]).with_weight(a, 300);
    for policy in [Policy::RoundRobin, Policy::LeastConnections, Policy::PeakEwma, Policy::Random] {
        web.settings().balance = policy;
        let _proxy = serving(&[&web]).await;
        let mut of_a = 0;
        for _ in 0..40 {
            of_a += usize::from(greeting(web.address()).await.unwrap() == "a");
        }
        let exact = policy == Policy::RoundRobin;
        assert!(if exact { of_a == 30 } else { (20..40).contains(&of_a) }, "{policy}: {of_a} of 40");
    }
}
