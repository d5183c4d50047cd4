//! Do TCP clients reach endpoints, and does a connection end as the other side ended it?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{
    addresses, connect, exchange, greeters, greeting, proxy, proxy_with, server, service, serving, snapshot,
    within,
};
use std::{collections::HashMap, io::ErrorKind, num::NonZeroUsize, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir_core::{Policy, Protocol};
use weir_testkit::Behaviour;

#[tokio::test]
async fn connections_are_spread_over_all_endpoints_by_every_policy() {
    let servers = greeters(&["a", "b", "c"]).await;
    let mut proxy = proxy();
    for policy in Policy::ALL {
        let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
        web.settings().balance = policy;
        proxy.apply(&snapshot(&[&web])).await;
        let mut counts = HashMap::<String, usize>::new();
        for _ in 0..90 {
            *counts.entry(greeting(web.address()).await.unwrap()).or_default() += 1;
        }
        assert_eq!(counts.len(), 3, "{policy}: {counts:?}");
        if policy == Policy::RoundRobin {
            assert!(counts.values().all(|&count| count == 30), "{counts:?}");
        }
    }
}

#[tokio::test]
async fn least_connections_fills_up_the_endpoint_with_fewer() {
    let servers = greeters(&["a", "b"]).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    let _proxy = serving(&[&web]).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut client = connect(web.address()).await.unwrap();
        client.read_u8().await.unwrap();
        open.push(client);
    }
    assert_eq!((servers[0].accepted(), servers[1].accepted()), (10, 10));
}

#[tokio::test]
async fn a_client_that_ends_its_sending_side_still_gets_the_answer() {
    let server = server(Behaviour::ReplyAfterEof).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    let _proxy = serving(&[&web]).await;
    assert_eq!(exchange(web.address(), &[7; 100_000]).await.unwrap(), b"100000");
}

#[tokio::test]
async fn an_endpoint_that_ends_its_sending_side_still_receives() {
    let server = server(Behaviour::HalfClosing).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    let _proxy = serving(&[&web]).await;
    let mut client = connect(web.address()).await.unwrap();
    let mut bye = Vec::new();
    within(client.read_to_end(&mut bye)).await.unwrap();
    assert_eq!(bye, b"bye");
    client.write_all(&[7; 1000]).await.unwrap();
    client.shutdown().await.unwrap();
    server.wait_for_received(1000).await.unwrap();
    server.wait_for_open(0).await.unwrap();
}

#[tokio::test]
async fn large_transfers_arrive_exactly_in_both_directions_at_once() {
    let server = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    let _proxy = serving(&[&web]).await;
    let sent: Vec<u8> = (0u32..4 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (mut reader, mut writer) = connect(web.address()).await.unwrap().into_split();
    let request = sent.clone();
    let writing = tokio::spawn(async move {
        writer.write_all(&request).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    within(reader.read_to_end(&mut received)).await.unwrap();
    writing.await.unwrap();
    assert!(received == sent, "{} of {} bytes came back, or differ", received.len(), sent.len());
}

#[tokio::test]
async fn a_reset_by_the_endpoint_is_a_reset_for_the_client() {
    let server = server(Behaviour::Resetting).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    let _proxy = serving(&[&web]).await;
    let mut client = connect(web.address()).await.unwrap();
    client.write_all(b"x").await.unwrap();
    let error = within(client.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_reset_by_the_client_ends_the_endpoints_connection() {
    let server = server(Behaviour::Silent).await;
    let echo = self::server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[echo.address()]);
    let proxy = serving(&[&web]).await;
    let mut client = connect(web.address()).await.unwrap();
    client.write_all(b"x").await.unwrap();
    client.read_u8().await.unwrap();
    client.set_zero_linger().unwrap();
    drop(client);
    echo.wait_for_open(0).await.unwrap();
    while !proxy.connections().await.is_empty() {
        tokio::task::yield_now().await;
    }
    drop(server);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_not_noticed_while_another_one_works() {
    let servers = greeters(&["a"]).await;
    let refusing = weir_testkit::refused_address().unwrap();
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[refusing, servers[0].address()]);
    let _proxy = serving(&[&web]).await;
    for _ in 0..50 {
        assert_eq!(greeting(web.address()).await.unwrap(), "a");
    }
}

#[tokio::test]
async fn a_client_gets_a_reset_when_no_endpoint_can_be_reached() {
    let refusing = weir_testkit::refused_address().unwrap();
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[refusing]);
    let _proxy = serving(&[&web]).await;
    let error = exchange(web.address(), b"hello").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::NotConnected), "{error}");
}

#[tokio::test]
async fn a_client_gets_a_reset_when_no_endpoint_answers_in_time() {
    let hole = weir_testkit::BlackHole::start("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[hole.address()]);
    web.settings().connect_timeout = Duration::from_millis(50);
    let _proxy = serving(&[&web]).await;
    let mut client = connect(web.address()).await.unwrap();
    assert_eq!(within(client.read_u8()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_costs_time_but_no_error_while_another_one_works() {
    let hole = weir_testkit::BlackHole::start("127.0.0.2:0".parse().unwrap()).unwrap();
    let servers = greeters(&["a"]).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[hole.address(), servers[0].address()]);
    web.settings().balance = Policy::RoundRobin;
    let _proxy = serving(&[&web]).await;
    for _ in 0..2 {
        assert_eq!(greeting(web.address()).await.unwrap(), "a");
    }
}

#[tokio::test]
async fn a_client_that_leaves_while_an_endpoint_is_dialled_ends_the_attempt() {
    let hole = weir_testkit::BlackHole::start("127.0.0.2:0".parse().unwrap()).unwrap();
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[hole.address()]);
    let proxy = serving(&[&web]).await;
    let client = connect(web.address()).await.unwrap();
    while proxy.connections().await.is_empty() {
        tokio::task::yield_now().await;
    }
    client.set_zero_linger().unwrap();
    drop(client);
    within(async {
        while !proxy.connections().await.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn few_connections_are_spread_evenly_over_two_workers() {
    let servers = greeters(&["a"]).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    let proxy = serving(&[&web]).await;
    let mut open = Vec::new();
    for expected in [[0, 1], [1, 1], [1, 2], [2, 2]] {
        let mut client = connect(web.address()).await.unwrap();
        client.read_u8().await.unwrap();
        open.push(client);
        let mut counts = proxy.connections_by_worker().await;
        counts.sort_unstable();
        assert_eq!(counts, expected);
    }
}

#[tokio::test]
async fn connections_are_spread_evenly_over_the_workers() {
    const WORKERS: usize = 4;
    const CLIENTS: usize = 1_000;
    let servers = greeters(&["a"]).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    let mut proxy = proxy_with(|config| config.workers = NonZeroUsize::new(WORKERS).unwrap());
    proxy.apply(&snapshot(&[&web])).await;
    let mut open = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = connect(web.address()).await.unwrap();
        client.read_u8().await.unwrap();
        open.push(client);
    }
    let counts = proxy.connections_by_worker().await;
    assert_eq!(counts.iter().sum::<usize>(), CLIENTS);
    // Six standard deviations of a fair spread.
    let (fair, off) = (CLIENTS / WORKERS, 82);
    assert!(counts.iter().all(|count| count.abs_diff(fair) <= off), "{counts:?}");
}

#[tokio::test]
async fn a_mouse_is_served_beside_elephants_on_its_worker() {
    let elephant = server(Behaviour::Source { bytes: u64::MAX }).await;
    let mouse = server(Behaviour::Echo).await;
    let bulk = service("bulk", Protocol::Tcp, "127.0.0.9").with(&[elephant.address()]);
    let web = service("web", Protocol::Tcp, "127.0.0.10").with(&[mouse.address()]);
    let mut proxy = proxy_with(|config| config.workers = NonZeroUsize::MIN);
    proxy.apply(&snapshot(&[&bulk, &web])).await;
    let mut elephants = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let mut client = connect(bulk.address()).await.unwrap();
        elephants.spawn(async move {
            let mut buffer = vec![0; 1 << 20];
            while client.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
        });
    }
    let mut client = connect(web.address()).await.unwrap();
    for _ in 0..1_000 {
        client.write_all(b"squeak").await.unwrap();
        within(client.read_exact(&mut [0; 6])).await.unwrap();
    }
    assert!(elephants.try_join_next().is_none(), "an elephant has ended");
}
