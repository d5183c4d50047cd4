//! What does one side of a connection hear when the other's host vanishes, and when the other only pauses? In network
//! namespaces: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

#[path = "../common/mod.rs"]
mod common;

mod hosts;
mod paused;

use common::connect;
use hosts::{Endpoint, FAR, NODE, dead_peer_timeout, hosts, within};
use std::{
    io::ErrorKind,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use weir_testkit::Behaviour;

async fn speaking(address: SocketAddr) -> TcpStream {
    let mut client = connect(address).await.unwrap();
    client.write_all(b"x").await.unwrap();
    assert_eq!(within(client.read_u8()).await.unwrap(), b'x');
    client
}

/// Writes as long as anything is taken.
async fn fill(client: &mut TcpStream) {
    let moment = Duration::from_millis(300);
    while let Ok(written) = tokio::time::timeout(moment, client.write(&[7; 65_536])).await {
        written.unwrap();
    }
}

fn report(what: &str, cut: Instant) {
    println!("time-out {:?}: {what} was reset after {:?}", dead_peer_timeout(), cut.elapsed());
}

#[test]
fn a_vanished_endpoint_resets_its_clients_whether_they_wait_or_send() {
    let Some(hosts) = &hosts() else { return };
    let endpoint = Endpoint::Server(FAR, Behaviour::Echo);
    hosts.run(
        endpoint,
        &hosts.node,
        |_| {},
        |frontend| async move {
            let (mut waiting, mut sending) = (speaking(frontend).await, speaking(frontend).await);
            hosts.cut();
            let start = Instant::now();
            sending.write_all(b"is anybody there?").await.unwrap();
            for (client, what) in
                [(&mut waiting, "a client that waits"), (&mut sending, "a client that sends")]
            {
                assert_eq!(within(client.read_u8()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
                report(what, start);
            }
        },
    );
}

#[test]
fn an_endpoint_that_vanishes_while_bytes_stream_to_it_resets_its_client() {
    let Some(hosts) = &hosts() else { return };
    let endpoint = Endpoint::Server(FAR, Behaviour::Discard);
    hosts.run(
        endpoint,
        &hosts.node,
        |_| {},
        |frontend| async move {
            let mut client = connect(frontend).await.unwrap();
            let streamed = Instant::now();
            while streamed.elapsed() < dead_peer_timeout() {
                client.write_all(&[7; 65_536]).await.unwrap();
            }
            hosts.cut();
            let start = Instant::now();
            let error = within(async { while client.write_all(&[7; 65_536]).await.is_ok() {} });
            error.await;
            report("a client that streams", start);
        },
    );
}

#[test]
fn a_vanished_client_ends_its_connection_to_the_endpoint() {
    let Some(hosts) = &hosts() else { return };
    let endpoint = Endpoint::Server(NODE, Behaviour::Echo);
    hosts.run(
        endpoint,
        &hosts.far,
        |_| {},
        |frontend| async move {
            let client = speaking(frontend).await;
            hosts.cut();
            // Its host is gone, so nothing of this arrives.
            drop(client);
        },
    );
}
