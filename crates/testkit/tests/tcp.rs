//! Do the TCP servers behave as their names say?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weir_testkit::{Behaviour, BlackHole, OwnThread, TcpServer, refused_address};

fn anywhere() -> SocketAddr {
    "127.0.0.2:0".parse().unwrap()
}

async fn connect(behaviour: Behaviour) -> (TcpServer, TcpStream) {
    let server = TcpServer::start(anywhere(), behaviour).await.unwrap();
    let client = TcpStream::connect(server.address()).await.unwrap();
    (server, client)
}

async fn read_to_end(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn echo_returns_every_byte_and_then_the_half_close() {
    let (server, client) = connect(Behaviour::Echo).await;
    let sent = vec![7; 1 << 20];
    let (mut reader, mut writer) = client.into_split();
    let reading = tokio::spawn(async move {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await.map(|_| bytes)
    });
    writer.write_all(&sent).await.unwrap();
    writer.shutdown().await.unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), sent);
    server.wait_for_open(0).await.unwrap();
    assert_eq!((server.accepted(), server.received(), server.sent()), (1, 1 << 20, 1 << 20));
    assert_eq!(server.peers().len(), 1);
}

#[tokio::test]
async fn greet_speaks_first_and_then_echoes() {
    let (_server, mut client) = connect(Behaviour::Greet("endpoint-1".into())).await;
    let mut greeting = [0; 10];
    client.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"endpoint-1");
    client.write_all(b"hello").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await, b"hello");
}

#[tokio::test]
async fn slow_echoes_after_its_delay() {
    let delay = Duration::from_millis(30);
    let (_server, mut client) = connect(Behaviour::Slow { delay }).await;
    let asked = Instant::now();
    client.write_all(b"x").await.unwrap();
    client.read_exact(&mut [0]).await.unwrap();
    assert!(asked.elapsed() >= delay);
}

#[tokio::test]
async fn reply_after_eof_answers_with_the_number_of_bytes() {
    let (_server, mut client) = connect(Behaviour::ReplyAfterEof).await;
    client.write_all(&[1; 100_000]).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await, b"100000");
}

#[tokio::test]
async fn half_closing_says_bye_and_still_counts_what_it_receives() {
    let (server, mut client) = connect(Behaviour::HalfClosing).await;
    assert_eq!(read_to_end(&mut client).await, b"bye");
    client.write_all(&[1; 50_000]).await.unwrap();
    server.wait_for_received(50_000).await.unwrap();
    assert_eq!(server.open(), 1);
    drop(client);
    server.wait_for_open(0).await.unwrap();
}

#[tokio::test]
async fn resetting_servers_reset_after_a_byte_or_at_once() {
    let (_server, mut client) = connect(Behaviour::Resetting).await;
    client.write_all(b"x").await.unwrap();
    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let (_server, mut client) = connect(Behaviour::ResetOnAccept).await;
    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn silent_keeps_a_connection_open_without_reading() {
    let (server, mut client) = connect(Behaviour::Silent).await;
    client.write_all(b"anybody?").await.unwrap();
    server.wait_for_accepted(1).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(50), client.read(&mut [0])).await;
    assert!(answer.is_err());
    assert_eq!((server.open(), server.received()), (1, 0));
}

#[tokio::test]
async fn source_and_discard_move_bytes_one_way() {
    let (server, mut client) = connect(Behaviour::Source { bytes: 300_001 }).await;
    assert_eq!(read_to_end(&mut client).await.len(), 300_001);
    assert_eq!(server.sent(), 300_001);

    let (server, mut client) = connect(Behaviour::Discard).await;
    client.write_all(&[1; 300_001]).await.unwrap();
    server.wait_for_received(300_001).await.unwrap();
}

#[tokio::test]
async fn a_dropped_server_refuses_at_once_and_its_port_can_be_used_again() {
    let (server, mut client) = connect(Behaviour::Echo).await;
    server.wait_for_accepted(1).await.unwrap();
    let address = server.address();
    drop(server);
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);

    let server = TcpServer::start(address, Behaviour::Echo).await.unwrap();
    std::net::TcpStream::connect(address).unwrap();
    server.stop().await;
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_refused_address_refuses_and_a_black_hole_neither_accepts_nor_refuses() {
    let refused = TcpStream::connect(refused_address().unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let black_hole = BlackHole::start(anywhere()).unwrap();
    let hanging = TcpStream::connect(black_hole.address());
    assert!(tokio::time::timeout(Duration::from_millis(200), hanging).await.is_err());
}

#[test]
fn a_server_on_its_own_thread_serves_blocking_clients_and_ends_with_its_handle() {
    use std::io::{Read, Write};

    let server = OwnThread::start(|| TcpServer::start(anywhere(), Behaviour::Echo)).unwrap();
    let address = server.address();
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client.write_all(b"ping").unwrap();
    let mut echo = [0; 4];
    client.read_exact(&mut echo).unwrap();
    assert_eq!((&echo, server.accepted()), (b"ping", 1));
    drop(server);
    assert_eq!(client.read(&mut echo).unwrap(), 0);
    assert!(std::net::TcpStream::connect(address).is_err());
}
