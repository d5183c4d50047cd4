//! Does a client notice that an endpoint fails while another one works?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{
    TestService, addresses, connect, exchange, greeters, greeting, proxy, server, service, serving, snapshot,
    within,
};
use std::{
    io::ErrorKind,
    net::SocketAddr,
    num::NonZeroU32,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};
use weir_core::{Policy, Protocol};
use weir_proxy::Proxy;
use weir_testkit::{Behaviour, BlackHole, TcpServer, UdpBehaviour, UdpServer, scaled};

/// Clients that knock at the same time.
const AT_ONCE: usize = 8;

/// Time that hedging may add to a connect when an endpoint does not answer.
const MOST_EXTRA: Duration = Duration::from_millis(250);

fn web(endpoints: &[SocketAddr]) -> TestService {
    service("web", Protocol::Tcp, "127.0.0.9").with(endpoints)
}

/// Lets `count` clients connect and read a greeting; returns how long the slowest took. None may fail.
async fn knock(address: SocketAddr, count: usize) -> Duration {
    let mut clients = JoinSet::new();
    for _ in 0..AT_ONCE {
        clients.spawn(async move {
            let mut slowest = Duration::ZERO;
            for _ in 0..count / AT_ONCE {
                let start = Instant::now();
                let mut client = connect(address).await.unwrap();
                within(client.read_u8()).await.expect("a client saw an endpoint fail");
                slowest = slowest.max(start.elapsed());
            }
            slowest
        });
    }
    clients.join_all().await.into_iter().max().unwrap()
}

/// Knocks until an endpoint that is back gets clients again.
async fn knock_until_used(address: SocketAddr, back: &TcpServer) {
    within(async {
        while back.accepted() == 0 {
            knock(address, AT_ONCE).await;
        }
    })
    .await;
}

async fn back_at(address: SocketAddr) -> TcpServer {
    TcpServer::start(address, Behaviour::Greet("back".into())).await.unwrap()
}

#[tokio::test]
async fn one_of_four_endpoints_refuses_and_no_client_notices_until_it_is_back() {
    let servers = greeters(&["a", "b", "c"]).await;
    let refusing = weir_testkit::refused_address().unwrap();
    let web = web(&[addresses(&servers), vec![refusing]].concat());
    let _proxy = serving(&[&web]).await;
    let slowest = knock(web.address(), scaled(8_000)).await;
    println!("one of four refuses: slowest connect {slowest:?}");
    let back = back_at(refusing).await;
    knock_until_used(web.address(), &back).await;
}

#[tokio::test]
async fn one_of_four_endpoints_never_answers_and_no_client_waits_long_until_it_is_back() {
    let servers = greeters(&["a", "b", "c"]).await;
    let hole = BlackHole::start("127.0.0.2:0".parse().unwrap()).unwrap();
    let web = web(&[addresses(&servers), vec![hole.address()]].concat());
    let _proxy = serving(&[&web]).await;
    let slowest = knock(web.address(), scaled(8_000)).await;
    println!("one of four never answers: slowest connect {slowest:?} (goal: {MOST_EXTRA:?} more than usual)");
    assert!(slowest < MOST_EXTRA * 10, "{slowest:?}");
    let address = hole.address();
    drop(hole);
    let back = back_at(address).await;
    knock_until_used(web.address(), &back).await;
}

#[tokio::test]
async fn one_of_four_endpoints_resets_what_it_accepts_and_no_client_notices() {
    let servers = greeters(&["a", "b", "c"]).await;
    let resetting = server(Behaviour::ResetOnAccept).await;
    let web = web(&[addresses(&servers), vec![resetting.address()]].concat());
    let _proxy = serving(&[&web]).await;
    let slowest = knock(web.address(), scaled(8_000)).await;
    println!("one of four resets: slowest connect {slowest:?}, {} tries", resetting.accepted());
    // Without ejection it were every fourth. Three failures eject it; those that were under way at that moment, and probes,
    // come on top.
    assert!(resetting.accepted() <= 50, "it is not ejected: {}", resetting.accepted());
}

#[tokio::test]
async fn a_reset_after_bytes_were_relayed_is_passed_on() {
    let resetting = server(Behaviour::Resetting).await;
    let other = server(Behaviour::Echo).await;
    let mut web = web(&[resetting.address(), other.address()]);
    web.settings().balance = Policy::RoundRobin;
    let _proxy = serving(&[&web]).await;
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let mut client = connect(web.address()).await.unwrap();
        client.write_all(b"x").await.unwrap();
        outcomes.push(within(client.read_u8()).await.map_err(|error| error.kind()));
    }
    outcomes.sort_by_key(Result::is_ok);
    assert_eq!(outcomes, [Err(ErrorKind::ConnectionReset), Ok(b'x')]);
    assert_eq!((resetting.accepted(), other.accepted()), (1, 1));
}

#[tokio::test]
async fn what_a_client_has_sent_before_its_endpoint_is_settled_arrives_at_another_one() {
    let hole = BlackHole::start("127.0.0.2:0".parse().unwrap()).unwrap();
    let refusing = weir_testkit::refused_address().unwrap();
    let echo = server(Behaviour::Echo).await;
    let mut web = web(&[hole.address(), refusing, echo.address()]);
    web.settings().balance = Policy::RoundRobin;
    let _proxy = serving(&[&web]).await;
    let request: Vec<u8> = (0..200_000u32).map(|i| (i * 7) as u8).collect();
    for _ in 0..3 {
        assert!(exchange(web.address(), &request).await.unwrap() == request);
    }
}

#[tokio::test]
async fn a_client_with_affinity_is_pinned_to_another_endpoint_when_its_own_fails() {
    let mut servers = greeters(&["a", "b", "c"]).await;
    let mut web = web(&addresses(&servers));
    web.service.affinity = Some(Duration::from_secs(3600));
    let _proxy = serving(&[&web]).await;
    let first = greeting(web.address()).await.unwrap();
    assert_eq!(greeting(web.address()).await.unwrap(), first);
    let own = servers.iter().position(|server| server.accepted() > 0).unwrap();
    let address = servers[own].address();
    servers.swap_remove(own).stop().await;
    let next = greeting(web.address()).await.unwrap();
    assert_ne!(next, first);
    let back = back_at(address).await;
    for _ in 0..20 {
        assert_eq!(greeting(web.address()).await.unwrap(), next);
    }
    assert_eq!(back.accepted(), 0);
}

/// Echoes over one connection until told to stop; returns how often.
async fn chat(address: SocketAddr, stop: tokio_util::sync::CancellationToken) -> u64 {
    let mut client = connect(address).await.unwrap();
    let mut count = 0;
    while !stop.is_cancelled() {
        client.write_all(b"ping").await.unwrap();
        within(client.read_exact(&mut [0; 4])).await.expect("an open connection broke");
        count += 1;
    }
    count
}

#[tokio::test]
async fn a_rolling_update_of_all_endpoints_breaks_no_connection() {
    let mut servers = Vec::new();
    for _ in 0..4 {
        servers.push(server(Behaviour::Echo).await);
    }
    let mut web = web(&addresses(&servers));
    let mut proxy = proxy();
    proxy.apply(&snapshot(&[&web])).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let mut chats = JoinSet::new();
    let address = web.address();
    for _ in 0..AT_ONCE {
        chats.spawn(chat(address, stop.clone()));
        let stop = stop.clone();
        chats.spawn(async move {
            let mut count = 0;
            while !stop.is_cancelled() {
                assert_eq!(exchange(address, b"hello").await.expect("a new client failed"), b"hello");
                count += 1;
            }
            count
        });
    }
    // Each new pod is ready before an old one leaves the list; the old one serves what it has until the end.
    for turn in 0..4 {
        let new = server(Behaviour::Echo).await;
        web.endpoints.push((new.address(), Default::default(), common::NODE));
        proxy.apply(&snapshot(&[&web])).await;
        new.wait_for_accepted(scaled(2_000) as u64).await.unwrap();
        web.endpoints.remove(0);
        proxy.apply(&snapshot(&[&web])).await;
        assert_eq!(web.endpoints.len(), 4, "turn {turn}");
        servers.push(new);
    }
    stop.cancel();
    let counts = chats.join_all().await;
    println!("rolling update of 4 endpoints: {} exchanges, none failed", counts.iter().sum::<u64>());
    assert!(counts.iter().all(|&count| count > 0));
}

/// One endpoint that may have one connection.
async fn narrow(queue: u32, timeout: Duration) -> (TcpServer, TestService, Proxy) {
    let echo = server(Behaviour::Echo).await;
    let mut web = web(&[echo.address()]);
    let limits = &mut web.settings().limits;
    limits.connections_per_endpoint = NonZeroU32::new(1);
    limits.queue = queue;
    limits.queue_timeout = timeout;
    let proxy = serving(&[&web]).await;
    (echo, web, proxy)
}

async fn ping(client: &mut tokio::net::TcpStream) -> std::io::Result<()> {
    client.write_all(b"ping").await?;
    within(client.read_exact(&mut [0; 4])).await.map(drop)
}

/// Error of a client that cannot be served. A reset may come before the client knows that it is connected.
async fn ending(address: SocketAddr) -> ErrorKind {
    let read = async { connect(address).await?.read_u8().await };
    within(read).await.unwrap_err().kind()
}

#[tokio::test]
async fn clients_wait_in_turn_for_an_endpoint_that_is_full() {
    let (echo, web, proxy) = narrow(10, common::HANG).await;
    let mut first = connect(web.address()).await.unwrap();
    ping(&mut first).await.unwrap();
    let mut waiting = JoinSet::new();
    for turn in 0..3 {
        let mut client = connect(web.address()).await.unwrap();
        waiting.spawn(async move {
            ping(&mut client).await.unwrap();
            turn
        });
        // All of them are there before the first leaves.
        while proxy.connections().await.len() < 2 + turn {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(echo.accepted(), 1);
    drop(first);
    let mut turns = waiting.join_all().await;
    turns.sort_unstable();
    assert_eq!((turns, echo.accepted()), (vec![0, 1, 2], 4));
}

#[tokio::test]
async fn a_client_for_whom_there_is_no_place_in_the_queue_is_refused() {
    let (echo, web, _proxy) = narrow(0, common::HANG).await;
    let mut first = connect(web.address()).await.unwrap();
    ping(&mut first).await.unwrap();
    assert_eq!(ending(web.address()).await, ErrorKind::ConnectionReset);
    ping(&mut first).await.unwrap();
    assert_eq!(echo.accepted(), 1);
}

#[tokio::test]
async fn a_client_that_has_waited_for_long_enough_is_refused() {
    let (_echo, web, _proxy) = narrow(10, Duration::from_millis(20)).await;
    let mut first = connect(web.address()).await.unwrap();
    ping(&mut first).await.unwrap();
    assert_eq!(ending(web.address()).await, ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_endpoint_that_joins_makes_room_for_who_waits() {
    let (_echo, mut web, mut proxy) = narrow(10, common::HANG).await;
    let mut first = connect(web.address()).await.unwrap();
    ping(&mut first).await.unwrap();
    let mut second = connect(web.address()).await.unwrap();
    while proxy.connections().await.len() < 2 {
        tokio::task::yield_now().await;
    }
    let other = server(Behaviour::Echo).await;
    web.endpoints.push((other.address(), Default::default(), common::NODE));
    proxy.apply(&snapshot(&[&web])).await;
    ping(&mut second).await.unwrap();
    assert_eq!(other.accepted(), 1);
}

#[tokio::test]
async fn flows_leave_an_endpoint_with_nobody_at_its_port_and_new_ones_avoid_it() {
    let echo = UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo).await.unwrap();
    let refusing = weir_testkit::refused_address().unwrap();
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[refusing, echo.address()]);
    let _proxy = serving(&[&dns]).await;
    let mut lost = 0;
    for _ in 0..100 {
        let client = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(dns.address()).await.unwrap();
        within(async {
            loop {
                client.send(b"query").await.unwrap();
                let mut answer = [0; 16];
                let answer = tokio::time::timeout(Duration::from_millis(200), client.recv(&mut answer));
                match answer.await {
                    Ok(answer) => break assert_eq!(answer.unwrap(), 5),
                    Err(_) => lost += 1,
                }
            }
        })
        .await;
    }
    println!("{lost} of 100 clients had to ask again");
    // Three refusals eject it; each probe may cost another one.
    assert!(lost <= 3 + 10, "{lost}");
}
