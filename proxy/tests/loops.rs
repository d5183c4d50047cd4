//! Does a connection ever come back to this proxy?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{addresses, connect, greeters, greeting, proxy, service, snapshot, within};
use std::{io::ErrorKind, net::SocketAddr};
use tokio::{io::AsyncReadExt, net::UdpSocket};
use weir_core::{Policy, Protocol};
use weir_testkit::{Behaviour, TcpServer, UdpBehaviour, UdpServer};

async fn is_reset(address: SocketAddr) -> bool {
    let outcome = async { within(connect(address).await?.read_u8()).await };
    // It may come before the client has looked whether it is connected.
    outcome.await.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn a_circle_of_services_is_refused_and_others_go_on() {
    let servers = greeters(&["web"]).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    let (a, b) = (service("a", Protocol::Tcp, "127.0.0.9"), service("b", Protocol::Tcp, "127.0.0.10"));
    let (a_address, b_address) = (a.address(), b.address());
    let (a, b) = (a.with(&[b_address]), b.with(&[a_address]));
    let mut proxy = proxy();
    proxy.apply(&snapshot(&[&a, &b, &web])).await;
    for _ in 0..10 {
        assert!(is_reset(a.address()).await && is_reset(b.address()).await);
        assert_eq!(greeting(web.address()).await.unwrap(), "web");
    }
    assert_eq!(proxy.connections_by_worker().await.iter().sum::<usize>(), 0);

    proxy.apply(&snapshot(&[&a, &web])).await;
    let _server = TcpServer::start(b.address(), Behaviour::Greet("b".into())).await.unwrap();
    assert_eq!(greeting(a.address()).await.unwrap(), "b", "its endpoint is no Service any more");
}

#[tokio::test]
async fn an_endpoint_that_is_a_service_of_this_proxy_is_passed_over_while_there_is_another() {
    let servers = greeters(&["web"]).await;
    let others: Vec<_> = (0..5)
        .map(|n| service(&format!("other-{n}"), Protocol::Tcp, "127.0.0.10").with(&addresses(&servers)))
        .collect();
    let mut endpoints: Vec<_> = others.iter().map(common::TestService::address).collect();
    endpoints.push(servers[0].address());
    for policy in Policy::ALL {
        let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&endpoints);
        web.settings().balance = policy;
        let mut services: Vec<_> = others.iter().collect();
        services.push(&web);
        let mut proxy = proxy();
        proxy.apply(&snapshot(&services)).await;
        let before = servers[0].accepted();
        for _ in 0..20 {
            assert_eq!(greeting(web.address()).await.unwrap(), "web");
        }
        assert_eq!(servers[0].accepted() - before, 20);
    }
}

#[tokio::test]
async fn an_endpoint_with_the_address_of_a_service_that_is_not_served_is_dialled() {
    let servers = greeters(&["web"]).await;
    let mut closed = service("closed", Protocol::Tcp, "127.0.0.2");
    closed.service.ports[0].port = std::num::NonZeroU16::new(servers[0].address().port()).unwrap();
    let closed = closed.with(&[servers[0].address()]);
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    let mut proxy = proxy();
    // The address is the server's own, so it cannot be bound.
    proxy.apply(&snapshot(&[&closed, &web])).await;
    assert_eq!(greeting(web.address()).await.unwrap(), "web");
}

#[tokio::test]
async fn datagrams_reach_an_endpoint_once_it_is_no_service_any_more() {
    let (a, b) = (service("a", Protocol::Udp, "127.0.0.9"), service("b", Protocol::Udp, "127.0.0.10"));
    let (a_address, b_address) = (a.address(), b.address());
    let (a, b) = (a.with(&[b_address]), b.with(&[a_address]));
    let mut proxy = proxy();
    proxy.apply(&snapshot(&[&a, &b])).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(a_address).await.unwrap();
    client.send(b"lost").await.unwrap();
    proxy.apply(&snapshot(&[&a])).await;
    let _server = UdpServer::start(b_address, UdpBehaviour::Greet("b".into())).await.unwrap();
    client.send(b"x").await.unwrap();
    let mut reply = [0; 16];
    // The first datagram may have waited in a socket until now.
    while within(client.recv(&mut reply)).await.unwrap() != 3 {}
    assert_eq!(&reply[..3], b"b:x");
}

#[tokio::test]
async fn a_mapped_service_is_refused_at_both_of_its_addresses() {
    let servers = greeters(&["web"]).await;
    // An address of TEST-NET-2, which no host has (RFC 5737).
    let mut mapped = service("mapped", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    mapped.service.cluster_ips.v4 = Some([198, 51, 100, 78].into());
    let listen = SocketAddr::from(([127, 51, 100, 78], mapped.address().port()));
    let mut proxy = common::proxy_with(|config| config.map_loopback = true);
    for endpoint in [mapped.address(), listen] {
        let web = service("web", Protocol::Tcp, "127.0.0.10").with(&[endpoint]);
        proxy.apply(&snapshot(&[&mapped, &web])).await;
        assert_eq!(greeting(listen).await.unwrap(), "web");
        assert!(is_reset(web.address()).await, "{endpoint}");
    }
}
