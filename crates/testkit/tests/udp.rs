//! Do the UDP servers behave as their names say?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use weir_testkit::{UdpBehaviour, UdpServer, refused_address};

async fn connect(behaviour: UdpBehaviour) -> (UdpServer, UdpSocket) {
    let anywhere: SocketAddr = "127.0.0.2:0".parse().unwrap();
    let server = UdpServer::start(anywhere, behaviour).await.unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server.address()).await.unwrap();
    (server, client)
}

async fn receive(client: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let length = client.recv(&mut buffer).await.unwrap();
    buffer.truncate(length);
    buffer
}

#[tokio::test]
async fn echo_returns_datagrams_whole_and_counts_sources() {
    let (server, client) = connect(UdpBehaviour::Echo).await;
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for payload in [vec![], vec![1; 10], vec![2; 60_000]] {
        client.send(&payload).await.unwrap();
        assert_eq!(receive(&client).await, payload);
    }
    other.send_to(b"x", server.address()).await.unwrap();
    server.wait_for_received(4).await.unwrap();
    assert_eq!(server.sources().len(), 2);
}

#[tokio::test]
async fn greet_puts_its_name_before_each_payload() {
    let (_server, client) = connect(UdpBehaviour::Greet("endpoint-1".into())).await;
    client.send(b"hello").await.unwrap();
    assert_eq!(receive(&client).await, b"endpoint-1:hello");
}

#[tokio::test]
async fn silent_counts_and_never_answers() {
    let (server, client) = connect(UdpBehaviour::Silent).await;
    client.send(b"anybody?").await.unwrap();
    server.wait_for_received(1).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(50), client.recv(&mut [0])).await;
    assert!(answer.is_err());
}

#[tokio::test]
async fn a_stopped_server_and_a_refused_address_answer_with_port_unreachable() {
    let (server, client) = connect(UdpBehaviour::Echo).await;
    server.stop().await;
    client.send(b"anybody?").await.unwrap();
    assert_eq!(client.recv(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);

    client.connect(refused_address().unwrap()).await.unwrap();
    client.send(b"anybody?").await.unwrap();
    assert_eq!(client.recv(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
