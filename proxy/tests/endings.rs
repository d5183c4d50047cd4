//! What becomes of connections whose endpoint or Service is removed, and of the others meanwhile?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{TestService, addresses, connect, server, service, serving, snapshot, within};
use socket2::{Domain, Socket, Type};
use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use weir_core::{Conditions, EndpointRemoved, Policy, Protocol};
use weir_proxy::{ConnectionInfo, Proxy};
use weir_testkit::{Behaviour, OwnThread, TcpServer};

/// A Service with two endpoints that echo, and a client of each.
struct Two {
    web: TestService,
    proxy: Proxy,
    servers: Vec<TcpServer>,
    clients: Vec<TcpStream>,
}

async fn two(rule: EndpointRemoved) -> Two {
    let servers = vec![server(Behaviour::Echo).await, server(Behaviour::Echo).await];
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    web.settings().balance = Policy::RoundRobin;
    web.settings().on_endpoint_removed = rule;
    let proxy = serving(&[&web]).await;
    let mut clients = Vec::new();
    for count in 1..=2 {
        let mut client = connect(web.address()).await.unwrap();
        speak(&mut client).await.unwrap();
        clients.push(client);
        assert_eq!(proxy.connections().await.len(), count);
    }
    // The client of the first server first.
    let to_first =
        proxy.connections().await.into_iter().find(|info| info.endpoint == Some(servers[0].address()));
    if to_first.unwrap().flow.client != clients[0].local_addr().unwrap() {
        clients.reverse();
    }
    Two { web, proxy, servers, clients }
}

async fn speak(client: &mut TcpStream) -> std::io::Result<u8> {
    client.write_all(b"x").await?;
    within(client.read_u8()).await
}

async fn assert_reset(client: &mut TcpStream) {
    assert_eq!(within(client.read_u8()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn connections_to_a_removed_endpoint_go_on_by_default() {
    let Two { mut web, mut proxy, servers, mut clients } = two(EndpointRemoved::default()).await;
    web = web.with(&[servers[1].address()]);
    proxy.apply(&snapshot(&[&web])).await;
    proxy.apply(&snapshot(&[])).await;
    for client in &mut clients {
        assert_eq!(speak(client).await.unwrap(), b'x');
    }
}

#[tokio::test]
async fn connections_to_a_removed_endpoint_and_only_those_are_reset_if_the_service_says_so() {
    let Two { mut web, mut proxy, servers, mut clients } = two(EndpointRemoved::Reset).await;
    web = web.with(&[servers[1].address()]);
    proxy.apply(&snapshot(&[&web])).await;
    assert_reset(&mut clients[0]).await;
    servers[0].wait_for_open(0).await.unwrap();
    assert_eq!(speak(&mut clients[1]).await.unwrap(), b'x');
}

#[tokio::test]
async fn an_endpoint_that_is_not_ready_or_terminating_is_not_removed() {
    let Two { mut web, mut proxy, mut clients, servers: _servers } = two(EndpointRemoved::Reset).await;
    let conditions = |ready, serving, terminating| Conditions { ready, serving, terminating };
    for leaving in
        [conditions(false, true, false), conditions(false, true, true), conditions(false, false, true)]
    {
        web.endpoints[0].1 = leaving;
        proxy.apply(&snapshot(&[&web])).await;
        assert_eq!(speak(&mut clients[0]).await.unwrap(), b'x');
    }
    web.endpoints.remove(0);
    proxy.apply(&snapshot(&[&web])).await;
    assert_reset(&mut clients[0]).await;
}

#[tokio::test]
async fn a_drain_resets_the_connections_of_a_removed_endpoint_by_the_clock() {
    let Two { mut web, mut proxy, servers, mut clients } =
        two(EndpointRemoved::Drain(Duration::from_millis(10))).await;
    web = web.with(&[servers[1].address()]);
    proxy.apply(&snapshot(&[&web])).await;
    assert_reset(&mut clients[0]).await;
    assert_eq!(speak(&mut clients[1]).await.unwrap(), b'x');
}

#[tokio::test]
async fn a_port_that_leaves_its_service_takes_its_connections_with_it() {
    let Two { web, mut proxy, mut clients, servers: _servers } = two(EndpointRemoved::Reset).await;
    let mut renamed = web;
    renamed.service.ports[0].name = "other".into();
    proxy.apply(&snapshot(&[&renamed])).await;
    for client in &mut clients {
        assert_reset(client).await;
    }
}

#[tokio::test]
async fn a_proxy_that_is_dropped_resets_its_clients_and_leaves_no_endpoint_waiting() {
    let Two { web: _web, proxy, servers, mut clients } = two(EndpointRemoved::default()).await;
    tokio::task::spawn_blocking(|| drop(proxy)).await.unwrap();
    for client in &mut clients {
        assert_reset(client).await;
    }
    for server in &servers {
        server.wait_for_open(0).await.unwrap();
    }
}

/// Listening sockets that nobody accepts from: their clients take no descriptors here.
fn unattended(count: usize) -> (Vec<Socket>, Vec<SocketAddr>) {
    let listen = |_| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
        socket.listen(4096).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, address)
    };
    (0..count).map(listen).unzip()
}

/// Exchanges single bytes until `stop`; returns how many, and the longest pause.
fn ping_pong(address: SocketAddr, stop: &AtomicBool) -> (u64, Duration) {
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client.set_nodelay(true).unwrap();
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        longest = longest.max(start.elapsed());
        count += 1;
    }
    (count, longest)
}

/// A pause that nobody would notice.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn deleting_a_service_with_on_endpoint_removed_reset_and_thousands_of_connections_does_not_stall_others()
 {
    let (_listeners, endpoints) = unattended(4);
    let echo = OwnThread::start(|| TcpServer::start(([127, 0, 0, 2], 0).into(), Behaviour::Echo)).unwrap();
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&endpoints);
    web.settings().on_endpoint_removed = EndpointRemoved::Reset;
    let other = service("other", Protocol::Tcp, "127.0.0.10").with(&[echo.address()]);
    let mut proxy = serving(&[&web, &other]).await;
    // Each takes a descriptor of the client and two of the proxy.
    let many = weir_testkit::scaled_connections(10_000, 3) as u64;
    let mut clients = Vec::new();
    for _ in 0..many {
        clients.push(connect(web.address()).await.unwrap());
    }
    let is_connected = |connection: &ConnectionInfo| connection.endpoint.is_some();
    while (proxy.connections().await.into_iter().filter(is_connected).count() as u64) < many {}
    let (stop, address) = (Arc::new(AtomicBool::new(false)), other.address());
    let visitor = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || ping_pong(address, &stop)
    });
    echo.wait_for_received(1).await.unwrap();
    proxy.apply(&snapshot(&[&other])).await;
    for client in &mut clients {
        assert_reset(client).await;
    }
    stop.store(true, Ordering::Relaxed);
    let (count, longest) = visitor.join().unwrap();
    println!(
        "{many} connections were reset; the longest pause of {count} exchanges beside it was {longest:?}"
    );
    assert!(longest < 10 * PAUSE, "{longest:?}");
}

/// Repetitions of what was lost in a fifth of the cases.
const TIMES: usize = 150;

/// Serves connections one after another on a thread of its own.
fn serve(mut connection: impl FnMut(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|accepted| connection(accepted.unwrap())));
    address
}

/// How often a client that sends so much gets the answer of an endpoint that closes with most of it unread.
fn answers(address: SocketAddr, request_bytes: usize) -> usize {
    let request = vec![b'Q'; request_bytes];
    let is_answered = |_: &usize| {
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(common::HANG)).unwrap();
        // Fails when the endpoint has closed.
        let _ = client.write_all(&request);
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        answer == ANSWER
    };
    (0..TIMES).filter(is_answered).count()
}

const ANSWER: &[u8] = b"HTTP/1.1 413 Content Too Large\r\n\r\n";

#[tokio::test]
async fn the_answer_of_an_endpoint_that_closes_with_the_request_unread_always_arrives() {
    let endpoint = serve(|mut served| {
        let _ = served.read(&mut [0; 1000]);
        let _ = served.write_all(ANSWER);
    });
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[endpoint]);
    let _proxy = serving(&[&web]).await;
    for request_bytes in [1_000_000, 3_000_000] {
        let [direct, relayed] = [endpoint, web.address()].map(|address| answers(address, request_bytes));
        println!("{request_bytes} bytes: {direct} of {TIMES} answers directly, {relayed} through weir");
        assert_eq!(relayed, TIMES, "{request_bytes} bytes; {direct} directly");
    }
}

/// Begins a long answer, and hears what a client says before it closes with most of the answer unread.
fn last_words(address: SocketAddr, heard: &std::sync::mpsc::Receiver<Vec<u8>>) -> usize {
    let is_heard = |_: &usize| {
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.read_exact(&mut [0; 1000]).unwrap();
        client.write_all(b"enough, thanks").unwrap();
        drop(client);
        heard.recv_timeout(common::HANG).unwrap() == b"enough, thanks"
    };
    (0..TIMES).filter(is_heard).count()
}

#[tokio::test]
async fn the_last_words_of_a_client_that_closes_with_the_answer_unread_always_arrive() {
    let (hear, heard) = std::sync::mpsc::channel();
    let endpoint = serve(move |mut served| {
        while served.write_all(&[b'A'; 100_000]).is_ok() {}
        let mut words = Vec::new();
        let _ = served.read_to_end(&mut words);
        hear.send(words).unwrap();
    });
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[endpoint]);
    let _proxy = serving(&[&web]).await;
    let [direct, relayed] = [endpoint, web.address()].map(|address| last_words(address, &heard));
    println!("{direct} of {TIMES} clients were heard directly, {relayed} through weir");
    assert_eq!(relayed, TIMES, "{direct} directly");
}

#[tokio::test]
async fn urgent_bytes_arrive_in_their_places_and_the_connection_ends_in_order() {
    let echo = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[echo.address()]);
    let _proxy = serving(&[&web]).await;
    let mut client = connect(web.address()).await.unwrap();
    client.write_all(b"abc").await.unwrap();
    socket2::SockRef::from(&client).send_out_of_band(b"!").unwrap();
    client.write_all(b"def").await.unwrap();
    client.shutdown().await.unwrap();
    // The server of the test does not ask for urgent bytes, and gets the one all the same.
    let mut answer = String::new();
    within(client.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, "abc!def");
}
