//! Is weir's own HTTP server robust? Real sockets; where time matters, it is paused.

use super::*;
use crate::http::{
    Closing,
    client::{Client, get},
    connections::{HEADER_TIMEOUT, MAX_CONNECTIONS},
    lifetime::CONNECTION_LIFETIME,
    reply::{TEXT, reply},
};
use hyper::StatusCode;
use std::net::Ipv4Addr;
use tokio::{io::AsyncReadExt, task::JoinHandle, time::timeout};

const SERVER: Server = Server { name: "test", alternative: "--test-address 127.0.0.1:10266" };

/// More than the sockets of both sides hold.
const LARGE: usize = 32 << 20;

async fn hello(request: Request<Incoming>) -> Reply {
    let body = if request.uri().path() == "/large" { "x".repeat(LARGE) } else { "hello".to_owned() };
    reply(StatusCode::OK, TEXT, body)
}

async fn start() -> (SocketAddr, Closing, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let closing = Closing::default();
    let server = tokio::spawn(SERVER.accept_all(listener, hello, closing.listening()));
    (address, closing, server)
}

#[tokio::test]
async fn idle_and_dawdling_clients_do_not_keep_others_out() {
    let (address, _closing, _server) = start().await;
    let mut dawdlers = Vec::new();
    for _ in 0..MAX_CONNECTIONS + 1 {
        let mut client = Client::connect(address).await;
        client.send("GET / HTTP/1.1\r\n").await;
        dawdlers.push(client);
    }
    assert_eq!(get(address, "/").await.body, "hello");
    // Room was made: the oldest is closed (with a reset, since what it sent was not read).
    let mut rest = Vec::new();
    let closed = dawdlers[0].stream().read_to_end(&mut rest);
    let _ = timeout(HEADER_TIMEOUT / 2, closed).await.expect("the oldest connection is closed");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_arrive_in_time_closes_its_connection() {
    let (address, _closing, _server) = start().await;
    let mut client = Client::connect(address).await;
    client.send("GET / HTTP/1.1\r\n").await;
    let mut rest = Vec::new();
    let closed = client.stream().read_to_end(&mut rest);
    let _ = timeout(HEADER_TIMEOUT * 2, closed).await.expect("the server closes first");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let (address, _closing, _server) = start().await;
    let mut client = Client::connect(address).await;
    client.send("GET /large HTTP/1.1\r\nHost: weir\r\n\r\n").await;
    sleep(CONNECTION_LIFETIME * 2).await;
    let mut got = Vec::new();
    let _ = client.stream().read_to_end(&mut got).await;
    assert!(got.len() < LARGE, "{} bytes came", got.len());
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let (address, _closing, _server) = start().await;
    assert_eq!(get(address, "/large").await.body.len(), LARGE);
}

#[tokio::test(start_paused = true)]
async fn an_address_in_use_is_tried_again_until_it_is_free() {
    let holder = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = holder.local_addr().unwrap();
    let server = tokio::spawn(SERVER.serve(
        address,
        tokio::sync::watch::channel(false).1,
        hello,
        Closing::default().listening(),
    ));
    tokio::time::advance(BIND_RETRY * 3).await;
    assert!(!server.is_finished());
    drop(holder);
    let client = async {
        loop {
            match TcpStream::connect(address).await {
                Ok(stream) => return stream,
                Err(_) => sleep(BIND_RETRY).await,
            }
        }
    };
    timeout(BIND_RETRY * 10, client).await.expect("the server listens in the end");
}

#[tokio::test]
async fn stop_ends_the_server_and_closes_its_socket() {
    let (address, closing, server) = start().await;
    let mut idle = Client::connect(address).await;
    assert_eq!(idle.request("GET", "/").await.body, "hello");
    closing.close().await;
    server.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_an_earlier_weir_had_is_taken_as_soon_as_that_one_has_let_go() {
    let holder = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = holder.local_addr().unwrap();
    let (accompanied, company) = tokio::sync::watch::channel(true);
    let bound = tokio::spawn(SERVER.bind(address, company));
    sleep(QUICK_RETRY / 2).await;
    drop(holder);
    let freed = tokio::time::Instant::now();
    accompanied.send_replace(false);
    bound.await.unwrap();
    assert_eq!(freed.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn what_is_said_to_be_closed_can_be_bound_at_once() {
    let (address, closing, _server) = start().await;
    let mut dawdler = Client::connect(address).await;
    dawdler.send("GET / HTTP/1.1\r\n").await;
    closing.close().await;
    TcpListener::bind(address).await.unwrap();
}

#[test]
fn a_failed_bind_says_who_might_hold_the_address_and_what_to_do() {
    let in_use = ErrorKind::AddrInUse.into();
    assert_eq!(
        SERVER.advice(&in_use, None),
        "a weir that drains lets go when it ends; if kube-proxy is running, use --test-address 127.0.0.1:10266"
    );
    let advice = SERVER.advice(&in_use, Some("weir (process 7)"));
    assert_eq!(advice, "it is held by weir (process 7); use --test-address 127.0.0.1:10266");
}
