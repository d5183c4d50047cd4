//! What is told of connections and flows that have ended, and what does the kernel say of live ones?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{
    HANG, TestService, connect, exchange, greeting, proxy, proxy_with, server, service, snapshot, within,
};
use ppp::v1;
use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    num::NonZeroU32,
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
};
use weir_core::{EndpointRemoved, Protocol};
use weir_proxy::{
    Closed, ConnectionPaths, Datagrams, EndedSession, EndedSessions, LeftOut, Proxy, connection_log,
    connection_paths,
};
use weir_testkit::{Behaviour, UdpBehaviour, UdpServer, refused_address};

/// A data plane that logs, and its log.
async fn logging(sample: f64, rate: u32, services: &[&TestService]) -> (Proxy, EndedSessions) {
    let (log, ended) = connection_log(sample, NonZeroU32::new(rate).unwrap());
    let mut proxy = proxy_with(|config| config.connection_log = Some(log));
    proxy.apply(&snapshot(services)).await;
    (proxy, ended)
}

async fn next(ended: &EndedSessions) -> EndedSession {
    // The runtime goes on: what has to end may be served by it.
    let began = Instant::now();
    loop {
        match ended.next_waiting() {
            Ok(session) => return *session,
            Err(_) => tokio::task::yield_now().await,
        }
        assert!(began.elapsed() < HANG, "nothing was logged");
    }
}

#[tokio::test]
async fn a_connection_that_ends_in_order_is_told_of_with_all_that_is_known() {
    let endpoint = server(Behaviour::Echo).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[endpoint.address()]);
    web.endpoints[0].2 = "node-b";
    let (_proxy, ended) = logging(1.0, 1000, &[&web]).await;
    let before = SystemTime::now();
    for _ in 0..3 {
        assert_eq!(exchange(web.address(), b"hello").await.unwrap(), b"hello");
        let session = next(&ended).await;
        assert_eq!((session.reason, session.attempts), (Closed::Finished, 1));
        assert_eq!((session.bytes_to_endpoint, session.bytes_to_client), (5, 5));
        assert_eq!(session.port.to_string(), "default/web/TCP");
        assert_eq!((session.flow.frontend, session.endpoint), (web.address(), Some(endpoint.address())));
        assert_eq!(session.port_number.get(), web.address().port());
        assert_eq!((session.node.as_deref(), session.via, session.datagrams), (Some("node-b"), None, None));
        assert!(session.closed_at >= before);
        let (connected, first) = (session.connect_time.unwrap(), session.first_byte.unwrap());
        assert!(connected > Duration::ZERO && connected <= first && first <= session.duration);
        // Both sockets had ended by then.
        for path in [session.client_path, session.endpoint_path] {
            assert!(path.unwrap().round_trip.unwrap() > Duration::ZERO);
        }
    }
    assert_eq!(ended.take_left_out(), LeftOut::default());
}

#[tokio::test]
async fn clients_and_endpoints_that_reset_are_told_of_with_their_paths() {
    let resetting = server(Behaviour::Resetting).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[resetting.address()]);
    let (_proxy, ended) = logging(1.0, 1000, &[&web]).await;
    let error = exchange(web.address(), b"x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let session = next(&ended).await;
    assert_eq!((session.reason, session.bytes_to_endpoint), (Closed::EndpointReset, 1));
    assert!(session.first_byte.is_none() && session.endpoint_path.is_some() && session.client_path.is_some());

    let silent = server(Behaviour::Silent).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[silent.address()]);
    let (_proxy, ended) = logging(1.0, 1000, &[&web]).await;
    let mut client = connect(web.address()).await.unwrap();
    client.write_all(b"x").await.unwrap();
    within(silent.wait_for_open(1)).await.unwrap();
    client.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(next(&ended).await.reason, Closed::ClientReset);
}

#[tokio::test]
async fn clients_that_no_endpoint_serves_are_told_of_with_the_endpoints_tried() {
    let refused = service("web", Protocol::Tcp, "127.0.0.9").with(&[refused_address().unwrap()]);
    let (_proxy, ended) = logging(1.0, 1000, &[&refused]).await;
    let error = exchange(refused.address(), b"x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let session = next(&ended).await;
    assert_eq!((session.reason, session.attempts, session.endpoint), (Closed::ConnectRefused, 1, None));
    assert!(session.connect_time.is_none() && session.endpoint_path.is_none());
    assert!(session.client_path.unwrap().round_trip.is_some());
}

#[tokio::test]
async fn connections_that_weir_ends_are_told_of_with_its_reason() {
    let endpoint = server(Behaviour::Echo).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[endpoint.address()]);
    web.settings().on_endpoint_removed = EndpointRemoved::Reset;
    let (mut proxy, ended) = logging(1.0, 1000, &[&web]).await;
    let speak = async || {
        let mut client = connect(web.address()).await.unwrap();
        client.write_all(b"x").await.unwrap();
        within(client.read_u8()).await.unwrap();
        client
    };
    let mut client = speak().await;
    assert_eq!(proxy.end_connections(Closed::MaxAge).await, 1);
    assert_eq!(within(client.read_u8()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(next(&ended).await.reason, Closed::MaxAge);
    let _client = speak().await;
    proxy.apply(&snapshot(&[])).await;
    assert_eq!(next(&ended).await.reason, Closed::EndpointRemoved);
    proxy.apply(&snapshot(&[&web])).await;
    let _client = speak().await;
    proxy.drain(Duration::ZERO).await;
    assert_eq!(next(&ended).await.reason, Closed::Drained);
    assert!(ended.next(HANG).is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Disconnected));
}

#[tokio::test]
async fn who_speaks_for_a_client_is_told_of() {
    let endpoint = server(Behaviour::Echo).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[endpoint.address()]);
    web.settings().accept_proxy_protocol = ["127.0.0.0/8".parse().unwrap()].into();
    let (proxy, ended) = logging(1.0, 1000, &[&web]).await;
    let client: SocketAddr = "203.0.113.7:4711".parse().unwrap();
    let mut stream = connect(web.address()).await.unwrap();
    let header = v1::Addresses::from((client, web.address())).to_string();
    stream.write_all(format!("{header}x").as_bytes()).await.unwrap();
    within(stream.read_u8()).await.unwrap();
    let live = proxy.connections().await;
    let paths = connection_paths(&live, usize::MAX).unwrap();
    assert!(paths[0].client.is_some() && paths[0].endpoint.is_some(), "{paths:?}");
    drop(stream);
    let session = next(&ended).await;
    assert_eq!((session.flow.client, session.via), (client, Some([127, 0, 0, 1].into())));
    let mut stream = connect(web.address()).await.unwrap();
    stream.write_all(b"no header at all\r\n").await.unwrap();
    let session = next(&ended).await;
    assert_eq!((session.reason, session.attempts), (Closed::ProxyProtocolError, 0));
}

#[tokio::test]
async fn a_flow_is_told_of_when_it_ends() {
    let endpoint =
        UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Greet("a".into())).await.unwrap();
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[endpoint.address()]);
    let (mut proxy, ended) = logging(1.0, 1000, &[&dns]).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(dns.address()).await.unwrap();
    for _ in 0..2 {
        client.send(b"hello").await.unwrap();
        assert_eq!(within(client.recv(&mut [0; 64])).await.unwrap(), "a:hello".len());
    }
    proxy.apply(&snapshot(&[])).await;
    let session = next(&ended).await;
    assert_eq!((session.reason, session.endpoint), (Closed::FrontendRemoved, Some(endpoint.address())));
    assert_eq!(session.flow.client, client.local_addr().unwrap());
    assert_eq!(session.datagrams, Some(Datagrams { to_endpoint: 2, to_client: 2 }));
    assert_eq!((session.bytes_to_endpoint, session.bytes_to_client, session.attempts), (10, 14, 1));
    assert!(session.first_byte.unwrap() <= session.duration && session.connect_time.is_none());
    proxy.apply(&snapshot(&[&dns])).await;
    client.send(b"hello").await.unwrap();
    within(client.recv(&mut [0; 64])).await.unwrap();
    drop(proxy);
    assert_eq!(next(&ended).await.reason, Closed::Drained);
}

#[tokio::test]
async fn what_is_beyond_the_rate_is_counted_and_clients_do_not_notice() {
    let endpoint = server(Behaviour::Greet("a".into())).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[endpoint.address()]);
    let (proxy, ended) = logging(1.0, 1, &[&web]).await;
    for _ in 0..20 {
        assert_eq!(greeting(web.address()).await.unwrap(), "a");
    }
    proxy.drain(Duration::ZERO).await;
    let mut told = 0;
    while ended.next(HANG).is_ok() {
        told += 1;
    }
    let LeftOut { over_rate, no_room } = ended.take_left_out();
    assert!(told >= 1 && over_rate >= 1, "{told} {over_rate}");
    assert_eq!((told + over_rate, no_room), (20, 0));
}

#[tokio::test]
async fn descriptors_of_sockets_that_wait_to_be_closed_are_part_of_the_budget() {
    let endpoint = server(Behaviour::Greet("a".into())).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[endpoint.address()]);
    // None are left for that: lines come without what the kernel knows.
    let (log, ended) = connection_log(1.0, NonZeroU32::new(1000).unwrap());
    let mut proxy = proxy_with(|config| (config.connection_log, config.descriptors) = (Some(log), 40));
    proxy.apply(&snapshot(&[&web])).await;
    assert_eq!(greeting(web.address()).await.unwrap(), "a");
    let session = next(&ended).await;
    assert_eq!((session.reason, session.client_path), (Closed::Finished, None));
}

#[tokio::test]
async fn the_kernel_tells_of_both_sockets_of_live_connections() {
    let endpoint = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[endpoint.address()]);
    let mut proxy = proxy();
    proxy.apply(&snapshot(&[&web])).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = connect(web.address()).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        within(client.read_exact(&mut [0; 5])).await.unwrap();
        clients.push(client);
    }
    let live = proxy.connections().await;
    let paths = connection_paths(&live, usize::MAX).unwrap();
    assert_eq!(paths.len(), 20);
    for ConnectionPaths { client, endpoint } in paths {
        assert_eq!((client.unwrap().bytes_received, endpoint.unwrap().bytes_received), (Some(5), Some(5)));
    }
    assert_eq!(connection_paths(&live, 0).unwrap(), [ConnectionPaths::default(); 20]);
    // Another socket may have the descriptor by now.
    drop(clients);
    within(async {
        while !proxy.connections().await.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let _others: Vec<_> = (0..40).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    assert_eq!(connection_paths(&live, usize::MAX).unwrap(), [ConnectionPaths::default(); 20]);
}
