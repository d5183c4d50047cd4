//! Do endpoints hear of their clients by PROXY protocol headers, and are those of other proxies believed where they
//! should be?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{TestService, addresses, connect, greeters, server, service, serving, snapshot, within};
use ppp::{v1, v2};
use std::{io::ErrorKind, net::SocketAddr, num::NonZeroU32, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use weir_core::{Policy, Protocol, ProxyProtocol};
use weir_testkit::Behaviour;

const VERSIONS: [ProxyProtocol; 2] = [ProxyProtocol::V1, ProxyProtocol::V2];

/// The header that tells these addresses, as the parser's own crate writes it.
fn header(version: ProxyProtocol, client: SocketAddr, frontend: SocketAddr) -> Vec<u8> {
    match version {
        ProxyProtocol::V1 => v1::Addresses::from((client, frontend)).to_string().into_bytes(),
        ProxyProtocol::V2 => {
            let command = v2::Version::Two | v2::Command::Proxy;
            v2::Builder::with_addresses(command, v2::Protocol::Stream, (client, frontend)).build().unwrap()
        }
    }
}

/// A Service in front of one endpoint, which the test plays.
async fn played(frontend: &str) -> (TestService, TcpListener) {
    let ip = if frontend.contains(':') { "[::1]:0" } else { "127.0.0.2:0" };
    let endpoint = TcpListener::bind(ip).await.unwrap();
    let web = service("web", Protocol::Tcp, frontend).with(&[endpoint.local_addr().unwrap()]);
    (web, endpoint)
}

/// The next connection to the endpoint, and the first bytes of it.
async fn hear(endpoint: &TcpListener, length: usize) -> (TcpStream, Vec<u8>) {
    let (mut served, _) = within(endpoint.accept()).await.unwrap();
    let mut heard = vec![0; length];
    within(served.read_exact(&mut heard)).await.unwrap();
    (served, heard)
}

fn believe(web: &mut TestService, network: &str) {
    web.settings().accept_proxy_protocol = [network.parse().unwrap()].into();
}

async fn assert_reset(client: &mut TcpStream) {
    assert_eq!(within(client.read_u8()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn endpoints_hear_the_addresses_of_the_client_and_the_service_in_both_versions_and_families() {
    for (version, frontend) in
        VERSIONS.into_iter().flat_map(|version| [(version, "127.0.0.9"), (version, "::1")])
    {
        let (mut web, endpoint) = played(frontend).await;
        web.settings().proxy_protocol = Some(version);
        let proxy = serving(&[&web]).await;
        let mut client = connect(web.address()).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let header = header(version, client.local_addr().unwrap(), web.address());
        let (mut served, heard) = hear(&endpoint, header.len() + 5).await;
        assert_eq!(heard, [&header[..], b"hello"].concat());
        served.write_all(b"hello").await.unwrap();
        within(client.read_exact(&mut [0; 5])).await.unwrap();
        let known = &proxy.connections().await[0];
        assert_eq!((known.to_endpoint, known.to_client), (5, 5), "the header does not count");
    }
}

#[tokio::test]
async fn an_endpoint_that_speaks_first_hears_of_a_silent_client_at_once() {
    for version in VERSIONS {
        let (mut web, endpoint) = played("127.0.0.9").await;
        web.settings().proxy_protocol = Some(version);
        let _proxy = serving(&[&web]).await;
        let mut client = connect(web.address()).await.unwrap();
        let header = header(version, client.local_addr().unwrap(), web.address());
        let (mut served, heard) = hear(&endpoint, header.len()).await;
        assert_eq!(heard, header);
        served.write_all(b"220").await.unwrap();
        within(client.read_exact(&mut [0; 3])).await.unwrap();
    }
}

#[tokio::test]
async fn the_endpoint_that_follows_one_that_resets_gets_the_header_once_and_all_of_the_request() {
    let resetting = server(Behaviour::ResetOnAccept).await;
    for version in VERSIONS {
        let (mut web, endpoint) = played("127.0.0.9").await;
        web = web.with(&[resetting.address(), endpoint.local_addr().unwrap()]);
        web.settings().proxy_protocol = Some(version);
        web.settings().balance = Policy::RoundRobin;
        let _proxy = serving(&[&web]).await;
        for _ in 0..4 {
            let mut client = connect(web.address()).await.unwrap();
            let header = header(version, client.local_addr().unwrap(), web.address());
            let (mut served, heard) = hear(&endpoint, header.len()).await;
            assert_eq!(heard, header);
            client.write_all(b"request").await.unwrap();
            client.shutdown().await.unwrap();
            let mut rest = Vec::new();
            within(served.read_to_end(&mut rest)).await.unwrap();
            assert_eq!(rest, b"request");
        }
    }
}

#[tokio::test]
async fn a_header_from_a_listed_network_is_believed_and_taken_out_however_it_comes_in_pieces() {
    let told: [SocketAddr; 2] = ["192.0.2.7:4711".parse().unwrap(), "[2001:db8::7]:4711".parse().unwrap()];
    for (version, told) in VERSIONS.into_iter().flat_map(|version| told.map(|told| (version, told))) {
        let (mut web, endpoint) = played("127.0.0.9").await;
        believe(&mut web, "127.0.0.0/8");
        let proxy = serving(&[&web]).await;
        let header = [&header(version, told, told)[..], b"hello"].concat();
        for piece in [1, 13, header.len()] {
            let mut client = connect(web.address()).await.unwrap();
            client.set_nodelay(true).unwrap();
            for piece in header.chunks(piece) {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            let (served, heard) = hear(&endpoint, 5).await;
            assert_eq!(heard, b"hello");
            let known = proxy.connections().await;
            assert_eq!(known.iter().map(|known| known.flow.client).collect::<Vec<_>>(), [told]);
            assert_eq!((known[0].to_endpoint, known[0].endpoint), (5, Some(endpoint.local_addr().unwrap())));
            drop((client, served));
            within(async { while !proxy.connections().await.is_empty() {} }).await;
        }
    }
}

#[tokio::test]
async fn a_client_named_by_a_header_is_named_to_the_endpoint() {
    for (version, told) in [(ProxyProtocol::V1, "192.0.2.7:4711"), (ProxyProtocol::V2, "192.0.2.8:4712")] {
        let (mut web, endpoint) = played("127.0.0.9").await;
        believe(&mut web, "127.0.0.1/32");
        web.settings().proxy_protocol = Some(version);
        let _proxy = serving(&[&web]).await;
        let told = told.parse().unwrap();
        let mut client = connect(web.address()).await.unwrap();
        let came = header(ProxyProtocol::V2, told, "203.0.113.1:443".parse().unwrap());
        client.write_all(&[&came[..], b"hello"].concat()).await.unwrap();
        let expected = [&header(version, told, web.address())[..], b"hello"].concat();
        assert_eq!(hear(&endpoint, expected.len()).await.1, expected);
    }
}

#[tokio::test]
async fn a_proxy_that_speaks_for_itself_keeps_its_own_address() {
    let (mut web, endpoint) = played("127.0.0.9").await;
    believe(&mut web, "127.0.0.0/8");
    let proxy = serving(&[&web]).await;
    let local = [v2::PROTOCOL_PREFIX, &[0x20, 0, 0, 0]].concat();
    for header in [&b"PROXY UNKNOWN\r\n"[..], &local] {
        let mut client = connect(web.address()).await.unwrap();
        client.write_all(&[header, b"check"].concat()).await.unwrap();
        let (_served, heard) = hear(&endpoint, 5).await;
        assert_eq!(heard, b"check");
        let own = client.local_addr().unwrap();
        assert!(proxy.connections().await.iter().any(|known| known.flow.client == own));
    }
}

#[tokio::test]
async fn from_elsewhere_a_header_is_nothing_but_bytes_of_the_client() {
    let (mut web, endpoint) = played("127.0.0.9").await;
    believe(&mut web, "192.0.2.0/24");
    let proxy = serving(&[&web]).await;
    let told = "192.0.2.7:4711".parse().unwrap();
    let header = header(ProxyProtocol::V2, told, told);
    let mut client = connect(web.address()).await.unwrap();
    client.write_all(&header).await.unwrap();
    assert_eq!(hear(&endpoint, header.len()).await.1, header);
    assert_eq!(proxy.connections().await[0].flow.client, client.local_addr().unwrap());
}

#[tokio::test]
async fn without_a_proper_header_a_client_from_a_listed_network_is_reset_and_no_endpoint_hears_of_it() {
    let server = server(Behaviour::Echo).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    believe(&mut web, "127.0.0.0/8");
    web.settings().connect_timeout = Duration::from_secs(5);
    let _proxy = serving(&[&web]).await;
    let long = [v2::PROTOCOL_PREFIX, &[0x21, 0x11, 0xff, 0xff]].concat();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PROXY TCP4 nonsense\r\n", &[b'x'; 100_000], &long] {
        let mut client = connect(web.address()).await.unwrap();
        // It may be reset before all of it is written.
        let _ = client.write_all(bytes).await;
        assert_reset(&mut client).await;
    }
    // One that ends in the middle.
    let mut client = connect(web.address()).await.unwrap();
    client.write_all(b"PROXY TC").await.unwrap();
    client.shutdown().await.unwrap();
    assert_reset(&mut client).await;
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_client_that_owes_a_header_is_not_waited_for_longer_than_for_an_endpoint() {
    let server = server(Behaviour::Echo).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    believe(&mut web, "127.0.0.0/8");
    web.settings().connect_timeout = Duration::from_millis(20);
    let _proxy = serving(&[&web]).await;
    let mut client = connect(web.address()).await.unwrap();
    client.write_all(b"PROXY TCP4 1").await.unwrap();
    assert_reset(&mut client).await;
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_connection_that_owes_a_header_ends_when_it_is_signalled_and_when_its_client_leaves() {
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&["127.0.0.2:1".parse().unwrap()]);
    believe(&mut web, "127.0.0.0/8");
    let proxy = serving(&[&web]).await;
    let gone = async || within(async { while !proxy.connections().await.is_empty() {} }).await;
    let listed = async || within(async { while proxy.connections().await.is_empty() {} }).await;
    let mut client = connect(web.address()).await.unwrap();
    listed().await;
    assert_eq!(proxy.end_connections(weir_proxy::Closed::Drained).await, 1);
    assert_reset(&mut client).await;
    let client = connect(web.address()).await.unwrap();
    listed().await;
    client.set_zero_linger().unwrap();
    drop(client);
    gone().await;
}

#[tokio::test]
async fn session_affinity_goes_by_the_client_in_the_header() {
    let servers = greeters(&["a", "b"]).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    believe(&mut web, "127.0.0.0/8");
    web.settings().balance = Policy::RoundRobin;
    web.service.affinity = Some(Duration::from_secs(600));
    let _proxy = serving(&[&web]).await;
    let visit = async |client: u8| {
        let told = SocketAddr::from(([192, 0, 2, client], 4711));
        let mut stream = connect(web.address()).await.unwrap();
        stream.write_all(&header(ProxyProtocol::V1, told, told)).await.unwrap();
        within(stream.read_u8()).await.unwrap()
    };
    let mut names = Vec::new();
    for client in 1..=6 {
        let first = visit(client).await;
        for _ in 0..3 {
            assert_eq!(visit(client).await, first);
        }
        names.push(first);
    }
    assert!(names.contains(&b'a') && names.contains(&b'b'), "{names:?}");
}

#[tokio::test]
async fn limits_of_clients_go_by_the_client_in_the_header_and_those_of_the_service_by_all() {
    let servers = greeters(&["a"]).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    believe(&mut web, "127.0.0.0/8");
    web.settings().limits.connections_per_client = NonZeroU32::new(1);
    web.settings().limits.connections = NonZeroU32::new(3);
    let _proxy = serving(&[&web]).await;
    let visit = async |client: u8| {
        let told = SocketAddr::from(([192, 0, 2, client], 4711));
        let mut stream = connect(web.address()).await?;
        stream.write_all(&header(ProxyProtocol::V2, told, told)).await?;
        within(stream.read_u8()).await.map(|_| stream)
    };
    let first = visit(1).await.unwrap();
    let _second = visit(2).await.unwrap();
    assert_eq!(visit(1).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let _third = visit(3).await.unwrap();
    assert_eq!(visit(4).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    drop(first);
    within(async { while visit(1).await.is_err() {} }).await;
}

#[tokio::test]
async fn whose_headers_are_believed_follows_the_annotation() {
    let (mut web, endpoint) = played("127.0.0.9").await;
    let mut proxy = serving(&[&web]).await;
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n";
    for listed in [false, true, false] {
        believe(&mut web, if listed { "127.0.0.1/32" } else { "192.0.2.0/24" });
        proxy.apply(&snapshot(&[&web])).await;
        let mut client = connect(web.address()).await.unwrap();
        client.write_all(&[&header[..], b"hello"].concat()).await.unwrap();
        let expected = if listed { b"hello".to_vec() } else { [&header[..], b"hello"].concat() };
        assert_eq!(hear(&endpoint, expected.len()).await.1, expected);
    }
}

#[tokio::test]
async fn a_header_with_an_urgent_byte_in_it_is_understood() {
    for version in VERSIONS {
        let (mut web, endpoint) = played("127.0.0.9").await;
        believe(&mut web, "127.0.0.0/8");
        web.settings().proxy_protocol = Some(version);
        let _proxy = serving(&[&web]).await;
        let mut client = connect(web.address()).await.unwrap();
        let named = header(version, "192.0.2.7:4711".parse().unwrap(), web.address());
        let (begin, rest) = named.split_at(named.len() / 2);
        // The last byte of what is sent like this is urgent.
        socket2::SockRef::from(&client).send_out_of_band(begin).unwrap();
        client.write_all(&[rest, b"hello"].concat()).await.unwrap();
        let (_, heard) = hear(&endpoint, named.len() + 5).await;
        assert_eq!(heard, [&named[..], b"hello"].concat());
    }
}
