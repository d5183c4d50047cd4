//! Does an endpoint that accepts and ends connections at once draw the clients of the others?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{addresses, connect, server, service, serving, within};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use weir_core::{Policy, Protocol};
use weir_testkit::{Behaviour, TcpServer};

/// Connects and says something; returns the connection if there was an answer.
async fn ask(address: SocketAddr) -> Option<TcpStream> {
    let mut client = connect(address).await.ok()?;
    client.write_all(b"x").await.ok()?;
    within(client.read_u8()).await.ok().map(|_| client)
}

/// A server that ends each connection at once without a byte.
async fn hole() -> TcpServer {
    server(Behaviour::Source { bytes: 0 }).await
}

#[tokio::test]
async fn one_of_four_that_ends_connections_at_once_gets_next_to_none_of_two_hundred_clients() {
    for policy in Policy::ALL {
        let hole = hole().await;
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(server(Behaviour::Echo).await);
        }
        let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
        web.endpoints.push((hole.address(), Default::default(), common::NODE));
        web.settings().balance = policy;
        let _proxy = serving(&[&web]).await;
        let mut open = Vec::new();
        for _ in 0..200 {
            open.extend(ask(web.address()).await);
        }
        println!("{policy}: {} of 200 clients got the one that ends at once", hole.accepted());
        // Three before it is ejected; probes come after 1, 3, 7 and 15 seconds on a slow machine.
        assert!(hole.accepted() <= 20, "{policy}: {}", hole.accepted());
        assert_eq!(open.len() as u64 + hole.accepted(), 200, "{policy}: only those saw an end");
    }
}

#[tokio::test]
async fn endpoints_that_all_end_connections_at_once_get_one_after_another() {
    let servers = [hole().await, hole().await, hole().await];
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    web.settings().balance = Policy::RoundRobin;
    let _proxy = serving(&[&web]).await;
    for _ in 0..90 {
        assert!(ask(web.address()).await.is_none());
    }
    assert_eq!(servers.map(|server| server.accepted()), [30; 3]);
}

/// Connects from an address of the client, and ends the sending side at once with or without a request; reads to the end.
async fn visit(source: &str, frontend: SocketAddr, request: &[u8]) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
    assert_eq!(common::exchange_over(socket, frontend, request).await.unwrap(), request);
}

#[tokio::test]
async fn clients_that_leave_at_once_eject_nobody() {
    let servers = [server(Behaviour::Echo).await, server(Behaviour::Echo).await];
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    web.service.affinity = Some(std::time::Duration::from_secs(3600));
    let _proxy = serving(&[&web]).await;
    // By affinity a client stays with its endpoint until that is ejected.
    let mut busy = None;
    let leaving = loop {
        let source = format!("127.0.1.{}", 1 + rand::random_range(0..250u8));
        let before = servers.each_ref().map(TcpServer::accepted);
        visit(&source, web.address(), b"hello").await;
        let own = servers.iter().zip(before).position(|(server, before)| server.accepted() > before);
        match (&busy, own) {
            (None, _) => busy = Some((source, own)),
            (Some((_, other)), own) if *other != own => break source,
            _ => {}
        }
    };
    let (busy, own) = busy.unwrap();
    for _ in 0..20 {
        visit(&busy, web.address(), b"hello").await;
    }
    let before = servers[own.unwrap()].accepted();
    for _ in 0..20 {
        visit(&leaving, web.address(), b"").await;
    }
    assert_eq!(servers[own.unwrap()].accepted(), before, "the endpoint that clients left was ejected");
}
