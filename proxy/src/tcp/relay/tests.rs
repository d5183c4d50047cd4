//! Does a relay end when it should, in simulated time?

use super::*;
use crate::{
    session::connection_context::ConnectionContext,
    shared::command::TICK,
    sys::{
        socket::{Egress, Options, open_group, tcp_connecting},
        tcp::Listener,
    },
    tcp::{
        fixture::{self, Fixture},
        pump::failure::PumpError,
    },
};
use allocation_counter::measure;
use socket2::SockRef;
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    time::Instant,
};
use weir_core::{Frontend, Load, Protocol, Settings, termination::LINGER_TIMEOUT};

mod endings;
mod last_words;
mod peers;
mod resets;
mod urgent;

const IDLE: Duration = Duration::from_secs(600);

/// A relay between two test ends.
struct Pair {
    relay: Relay,
    client: TcpStream,
    endpoint: TcpStream,
    cx: ConnectionContext,
}

/// Relays until the end, beside a clock.
async fn run(relay: &mut Relay, cx: &ConnectionContext) -> Closed {
    let mut clock = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            reason = relay.run(cx) => return reason,
            _ = clock.tick() => fixture::tick(&cx.worker),
        }
    }
}

/// Checks that `timeout` has passed since `start`, and no more than two ticks beyond.
fn assert_passed(start: Instant, timeout: Duration) {
    let elapsed = start.elapsed();
    assert!(elapsed >= timeout && elapsed <= timeout + 2 * TICK + Duration::from_millis(1), "{elapsed:?}");
}

/// A client, and its socket at a frontend.
async fn accepted() -> (TcpStream, Stream) {
    let address = Frontend { protocol: Protocol::Tcp, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
    let dead_peer_timeout = Settings::default().dead_peer_timeout;
    let options = Options { allowed_sources: None, dead_peer_timeout, foreign: None };
    let listening = open_group(address, options, 1, 64).unwrap().remove(0);
    let listener = Listener::watch(listening.into()).unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// A socket to an endpoint, and the endpoint.
async fn dialled() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = tcp_connecting(listener.local_addr().unwrap(), Egress::default()).unwrap();
    let near = Stream::watch(near).unwrap();
    poll_fn(|context| near.poll_connected(context)).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

async fn pair(idle_timeout: Duration) -> Pair {
    pair_with(Settings { idle_timeout, ..Settings::default() }).await
}

async fn pair_with(settings: Settings) -> Pair {
    pair_of(fixture::frontend_with(settings, &[])).await
}

async fn pair_of(Fixture { worker, frontend }: Fixture) -> Pair {
    let (client, accepted) = accepted().await;
    let (upstream, endpoint) = dialled().await;
    let address = SockRef::from(&upstream).peer_addr().unwrap().as_socket().unwrap();
    let flow = frontend.flow(Protocol::Tcp, client.local_addr().unwrap());
    let cx = ConnectionContext::new(&worker, &frontend, flow);
    let lease = Arc::new(Load::default()).lease();
    let mut connect_state = ConnectState::new(&cx.connection, accepted);
    let client_end = connect_state.client.take().unwrap();
    let connected = Connected { client: client_end, upstream, address, lease };
    let relay = Relay::new(&cx, connect_state, connected);
    Pair { relay, client, endpoint, cx }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_byte_ends_at_the_idle_time_out() {
    let mut pair = pair(IDLE).await;
    let start = Instant::now();
    assert_eq!(run(&mut pair.relay, &pair.cx).await, Closed::IdleTimeout);
    assert_passed(start, IDLE);
}

#[tokio::test(start_paused = true)]
async fn every_byte_in_either_direction_restarts_the_idle_time_out() {
    let Pair { mut relay, mut client, mut endpoint, cx } = pair(IDLE).await;
    let start = Instant::now();
    let talk = async {
        for _ in 0..3 {
            tokio::time::advance(IDLE - Duration::from_secs(1)).await;
            client.write_all(b"x").await.unwrap();
            endpoint.read_u8().await.unwrap();
            tokio::time::advance(IDLE - Duration::from_secs(1)).await;
            endpoint.write_all(b"y").await.unwrap();
            client.read_u8().await.unwrap();
        }
    };
    let (reason, ()) = tokio::join!(run(&mut relay, &cx), talk);
    assert_eq!(reason, Closed::IdleTimeout);
    assert!(start.elapsed() >= 7 * IDLE - Duration::from_secs(6), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_connection_ends_at_its_own_time_out() {
    let short = Settings { half_closed_timeout: Duration::from_secs(20), ..Settings::default() };
    for settings in [Settings::default(), short] {
        let timeout = settings.half_closed_timeout;
        let Pair { mut relay, mut client, mut endpoint, cx } = pair_with(settings).await;
        let start = Instant::now();
        let end = async {
            client.shutdown().await.unwrap();
            assert_eq!(endpoint.read(&mut [0]).await.unwrap(), 0);
        };
        let (reason, ()) = tokio::join!(run(&mut relay, &cx), end);
        assert_eq!(reason, Closed::HalfClosedTimeout);
        assert_passed(start, timeout);
        drop(client);
    }
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_out_holds_for_half_closed_connections_if_it_is_shorter() {
    let Pair { mut relay, mut client, mut endpoint, cx } = pair(IDLE).await;
    let start = Instant::now();
    let end = async {
        endpoint.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    };
    tokio::join!(run(&mut relay, &cx), end);
    assert_passed(start, IDLE);
    drop(endpoint);
}

#[tokio::test]
async fn a_relay_that_is_interrupted_goes_on_without_losing_a_byte() {
    let Pair { mut relay, client, mut endpoint, cx } = pair(IDLE).await;
    let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let request = sent.clone();
    let (mut reading, mut writing) = client.into_split();
    let writer = tokio::spawn(async move {
        writing.write_all(&request).await.unwrap();
        writing.shutdown().await.unwrap();
    });
    let reader = tokio::spawn(async move {
        let mut received = Vec::new();
        endpoint.read_to_end(&mut received).await.unwrap();
        endpoint.write_all(b"done").await.unwrap();
        received
    });
    let reason = loop {
        // Dropping the future in the middle, again and again, must not matter: the state is in the value.
        tokio::select! {
            biased;
            reason = relay.run(&cx) => break reason,
            () = tokio::task::yield_now() => {}
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(reason, Closed::Finished);
    relay.close(&cx, reason);
    assert!(reader.await.unwrap() == sent);
    let mut answer = String::new();
    reading.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "done");
    writer.await.unwrap();
}

#[tokio::test]
async fn a_relay_that_is_signalled_to_end_resets_both_sides() {
    let Pair { mut relay, mut client, mut endpoint, cx } = pair(IDLE).await;
    let connection = Rc::clone(&cx.connection);
    let (reason, ()) = tokio::join!(relay.run(&cx), async {
        tokio::task::yield_now().await;
        connection.close_signal.send(Closed::Drained);
    });
    assert_eq!(reason, Closed::Drained);
    relay.close(&cx, reason);
    assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(endpoint.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_peer_that_stops_answering_is_distinguished_from_one_that_resets() {
    let of = |kind: ErrorKind| io::Error::from(kind);
    let reading = |kind, direction| PumpError::Reading(of(kind)).reason(direction);
    let writing = |kind, direction| PumpError::Writing(of(kind)).reason(direction);
    assert_eq!(reading(ErrorKind::TimedOut, Direction::ToEndpoint), Closed::ClientTimeout);
    assert_eq!(reading(ErrorKind::ConnectionReset, Direction::ToEndpoint), Closed::ClientReset);
    assert_eq!(reading(ErrorKind::TimedOut, Direction::ToClient), Closed::EndpointTimeout);
    assert_eq!(writing(ErrorKind::BrokenPipe, Direction::ToEndpoint), Closed::EndpointReset);
    assert_eq!(writing(ErrorKind::BrokenPipe, Direction::ToClient), Closed::ClientReset);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_watched_once_its_connection_has_lived_through_a_tick() {
    let mut pair = pair(IDLE).await;
    let watched = |relay: &Relay| {
        let socket = socket2::SockRef::from(&relay.upstream);
        let [idle, interval] =
            [socket.tcp_keepalive_time(), socket.tcp_keepalive_interval()].map(Result::unwrap);
        let silence = idle + interval * socket.tcp_keepalive_retries().unwrap();
        (socket.keepalive().unwrap(), silence, socket.tcp_user_timeout().unwrap())
    };
    assert!(!watched(&pair.relay).0);
    tokio::time::timeout(3 * TICK, run(&mut pair.relay, &pair.cx)).await.unwrap_err();
    // Not by TCP_USER_TIMEOUT, which ends connections of peers that only pause.
    assert_eq!(watched(&pair.relay), (true, Settings::default().dead_peer_timeout, None));
}

/// Sends a message to the endpoint and back, so many times, beside the relay.
async fn exchange(pair: &mut Pair, message: &[u8], buffer: &mut [u8], times: usize) {
    let Pair { relay, client, endpoint, cx } = pair;
    let conversation = async {
        for _ in 0..times {
            let (sent, received) = tokio::join!(client.write_all(message), endpoint.read_exact(buffer));
            sent.and(received).unwrap();
            let (sent, received) = tokio::join!(endpoint.write_all(message), client.read_exact(buffer));
            sent.and(received).unwrap();
        }
    };
    tokio::select! {
        reason = relay.run(cx) => panic!("{reason}"),
        () = conversation => {}
    }
}

#[test]
fn relaying_a_message_allocates_nothing() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut pair = runtime.block_on(pair(IDLE));
    // Copied, and large enough to be spliced.
    for length in [64, 16 << 10, 1 << 20] {
        let (message, mut buffer) = (vec![7; length], vec![0; length]);
        let mut allocations = |times| {
            measure(|| runtime.block_on(exchange(&mut pair, &message, &mut buffer, times))).count_total
        };
        allocations(10);
        assert_eq!(allocations(100), allocations(1), "{length} bytes");
    }
    assert!(pair.cx.worker.pipes.count().1 > 0, "the large messages were spliced");
}
