//! Do UDP clients reach endpoints, and do flows follow their Service?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{TestService, proxy_with, service, serving, snapshot, within};
use std::{io::ErrorKind, net::SocketAddr};
use tokio::net::UdpSocket;
use weir_core::Protocol;
use weir_testkit::{UdpBehaviour, UdpServer};

async fn server(name: &str) -> UdpServer {
    UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Greet(name.into())).await.unwrap()
}

async fn client(service: &TestService) -> UdpSocket {
    let local = if service.address().is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(local).await.unwrap();
    // A connected socket hears replies only from the address that it dialled.
    socket.connect(service.address()).await.unwrap();
    socket
}

async fn ask(client: &UdpSocket, datagram: &[u8]) -> std::io::Result<String> {
    client.send(datagram).await?;
    next(client).await
}

async fn next(client: &UdpSocket) -> std::io::Result<String> {
    let mut reply = vec![0; 65_536];
    let length = within(client.recv(&mut reply)).await?;
    Ok(String::from_utf8_lossy(&reply[..length]).into_owned())
}

#[tokio::test]
async fn replies_come_from_the_address_that_the_client_dialled() {
    for (frontend, endpoint) in [("127.0.0.9", "127.0.0.2:0"), ("::1", "[::1]:0")] {
        let server =
            UdpServer::start(endpoint.parse().unwrap(), UdpBehaviour::Greet("a".into())).await.unwrap();
        let dns = service("dns", Protocol::Udp, frontend).with(&[server.address()]);
        let _proxy = serving(&[&dns]).await;
        assert_eq!(ask(&client(&dns).await, b"hello").await.unwrap(), "a:hello");
    }
}

#[tokio::test]
async fn each_client_has_a_flow_of_its_own_and_keeps_its_endpoint() {
    let servers = [server("a").await, server("b").await];
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[servers[0].address(), servers[1].address()]);
    let _proxy = serving(&[&dns]).await;
    let mut names = std::collections::HashSet::new();
    // Kept open: the port of one that is closed may be given to another, which then has its flow.
    let mut clients = Vec::new();
    for _ in 0..20 {
        let client = client(&dns).await;
        let first = ask(&client, b"x").await.unwrap();
        for _ in 0..3 {
            assert_eq!(ask(&client, b"x").await.unwrap(), first);
        }
        names.insert(first);
        clients.push(client);
    }
    assert_eq!(names.len(), 2);
    assert_eq!(servers[0].sources().len() + servers[1].sources().len(), 20);
}

#[tokio::test]
async fn a_flow_whose_endpoint_stops_serving_moves_with_its_next_datagram() {
    let servers = [server("a").await, server("b").await];
    let only = |server: &UdpServer, dns: TestService| dns.with(&[server.address()]);
    let dns = only(&servers[0], service("dns", Protocol::Udp, "127.0.0.9"));
    let mut proxy = serving(&[&dns]).await;
    let client = client(&dns).await;
    assert_eq!(ask(&client, b"1").await.unwrap(), "a:1");
    let dns = only(&servers[1], dns);
    proxy.apply(&snapshot(&[&dns])).await;
    assert_eq!(ask(&client, b"2").await.unwrap(), "b:2");
}

#[tokio::test]
async fn a_flow_stays_while_its_endpoint_serves_though_it_gets_no_new_flows() {
    let servers = [server("a").await, server("b").await];
    let mut dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[servers[0].address()]);
    let mut proxy = serving(&[&dns]).await;
    let old = client(&dns).await;
    assert_eq!(ask(&old, b"1").await.unwrap(), "a:1");
    dns = dns.with(&[servers[0].address(), servers[1].address()]);
    dns.endpoints[0].1 = weir_core::Conditions { ready: false, serving: true, terminating: true };
    proxy.apply(&snapshot(&[&dns])).await;
    assert_eq!(ask(&old, b"2").await.unwrap(), "a:2");
    assert_eq!(ask(&client(&dns).await, b"3").await.unwrap(), "b:3");
}

#[tokio::test]
async fn a_deleted_service_refuses_and_forgets_its_flows() {
    let server = server("a").await;
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[server.address()]);
    let mut proxy = serving(&[&dns]).await;
    let client = client(&dns).await;
    assert_eq!(ask(&client, b"1").await.unwrap(), "a:1");
    proxy.apply(&snapshot(&[])).await;
    assert_eq!(ask(&client, b"2").await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(server.received(), 1);
}

#[tokio::test]
async fn an_endpoint_that_refuses_loses_the_flow_to_one_that_answers() {
    let server = server("a").await;
    let refusing: SocketAddr = "127.0.0.2:1".parse().unwrap();
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[refusing, server.address()]);
    let _proxy = serving(&[&dns]).await;
    for _ in 0..20 {
        let client = client(&dns).await;
        // The first datagrams may be lost: they find out.
        for _ in 0..10 {
            client.send(b"first").await.unwrap();
        }
        let mut answer = ask(&client, b"second").await.unwrap();
        while answer == "a:first" {
            answer = next(&client).await.unwrap();
        }
        assert_eq!(answer, "a:second");
    }
}

#[tokio::test]
async fn with_no_room_for_another_flow_the_one_idle_for_longest_goes() {
    let server = server("a").await;
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[server.address()]);
    let mut proxy = proxy_with(|config| {
        config.workers = std::num::NonZeroUsize::MIN;
        config.udp_flows = 2;
    });
    proxy.apply(&snapshot(&[&dns])).await;
    let clients = [client(&dns).await, client(&dns).await, client(&dns).await];
    ask(&clients[0], b"x").await.unwrap();
    ask(&clients[1], b"x").await.unwrap();
    ask(&clients[0], b"x").await.unwrap();
    ask(&clients[2], b"x").await.unwrap();
    assert_eq!(server.sources().len(), 3);
    ask(&clients[0], b"x").await.unwrap();
    assert_eq!(server.sources().len(), 3, "the flow in use was kept");
    ask(&clients[1], b"x").await.unwrap();
    assert_eq!(server.sources().len(), 4, "the idle one has begun anew");
}

#[tokio::test]
async fn no_datagram_is_misdelivered_when_another_service_reuses_the_address_of_a_pod() {
    let (pod, other) = (UdpSocket::bind("127.0.0.2:0").await.unwrap(), server("other").await);
    let address = pod.local_addr().unwrap();
    let (a, b) = (service("a", Protocol::Udp, "127.0.0.9"), service("b", Protocol::Udp, "127.0.0.10"));
    let (a, b) = (a.with(&[address]), b.with(&[other.address()]));
    let mut proxy = serving(&[&a, &b]).await;
    let mut buffer = [0; 64];
    let mut hear = async || {
        let (length, from) = within(pod.recv_from(&mut buffer)).await.unwrap();
        (String::from_utf8_lossy(&buffer[..length]).into_owned(), from)
    };
    let of_a = client(&a).await;
    of_a.send(b"question of a").await.unwrap();
    let (heard, flow_of_a) = hear().await;
    assert_eq!(heard, "question of a");

    // The pod goes, and another one gets its address.
    let (a, b) = (a.with(&[other.address()]), b.with(&[address]));
    proxy.apply(&snapshot(&[&a, &b])).await;
    let of_b = client(&b).await;
    assert_eq!(ask(&of_a, b"1").await.unwrap(), "other:1");
    of_b.send(b"question of b").await.unwrap();
    let (heard, flow_of_b) = hear().await;
    assert_eq!(heard, "question of b", "nothing of a's client before it");
    for _ in 0..10 {
        pod.send_to(b"late", flow_of_a).await.unwrap();
    }
    pod.send_to(b"answer of b", flow_of_b).await.unwrap();
    assert_eq!(next(&of_b).await.unwrap(), "answer of b");
    assert_eq!(ask(&of_a, b"2").await.unwrap(), "other:2", "nothing of the pod before it");
    assert_eq!(of_a.try_recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
}
