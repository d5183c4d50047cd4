//! Does a relay end when it should, in simulated time?

use super::*;
use crate::{
    counters::ProcessCounters,
    endpoints::Endpoints,
    frontend::Frontend,
    place::Place,
    plan::{Binding, Socket},
    slot::Slot,
    worker::{Enlisted, TICK, Worker},
};
use std::{net::SocketAddr, num::NonZeroU16, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};
use weir_core::{
    FrontendKind, Load, Protocol, Service, ServiceKey, Settings, serve::serve_fixed, service::PortSpec,
    settings::HALF_CLOSED_TIMEOUT,
};

const IDLE: Duration = Duration::from_secs(600);

/// A relay between two test ends.
struct Pair {
    relay: Relay,
    client: TcpStream,
    endpoint: TcpStream,
    connection: Enlisted,
}

/// Relays until the end, beside the worker's clock.
async fn run(relay: &mut Relay) -> Closed {
    let worker = Rc::clone(&relay.connection.frontend.worker);
    tokio::select! {
        reason = relay.run() => reason,
        () = worker.keep_time() => unreachable!("the clock has no end"),
    }
}

/// Checks that `timeout` has passed since `start`, and no more than two ticks beyond.
fn assert_passed(start: Instant, timeout: Duration) {
    let elapsed = start.elapsed();
    assert!(elapsed >= timeout && elapsed <= timeout + 2 * TICK + Duration::from_millis(1), "{elapsed:?}");
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

fn frontend(idle_timeout: Duration) -> Rc<Frontend> {
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
    let service = Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 10].into(), vec![spec]);
    let service = Service { settings: Settings { idle_timeout, ..Settings::default() }, ..service };
    let port = Arc::clone(&serve_fixed(&service, &[]).ports[0]);
    let slot = Slot::new(&port, &Arc::new(Place::default()), &mut Endpoints::default());
    let address = SocketAddr::from(([10, 96, 0, 10], 1));
    let socket = Socket { protocol: Protocol::Tcp, address };
    let binding = Binding { socket, frontend: address, kind: FrontendKind::ClusterIp, port };
    Frontend::new(Worker::new(1, ProcessCounters::register()), &binding, Arc::new(slot))
}

async fn pair(idle_timeout: Duration) -> Pair {
    let frontend = frontend(idle_timeout);
    let (client, accepted) = connected().await;
    let (stream, endpoint) = connected().await;
    let address = stream.peer_addr().unwrap();
    let flow = frontend.flow(Protocol::Tcp, client.local_addr().unwrap());
    let connection = frontend.worker.enlist(&frontend, flow);
    let upstream = Upstream { stream, address, lease: Arc::new(Load::default()).lease() };
    Pair { relay: Relay::new(&connection, accepted, upstream), client, endpoint, connection }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_byte_ends_at_the_idle_time_out() {
    let mut pair = pair(IDLE).await;
    let start = Instant::now();
    assert_eq!(run(&mut pair.relay).await, Closed::IdleTimeout);
    assert_passed(start, IDLE);
}

#[tokio::test(start_paused = true)]
async fn every_byte_in_either_direction_restarts_the_idle_time_out() {
    let Pair { mut relay, mut client, mut endpoint, connection: _listed } = pair(IDLE).await;
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
    let (reason, ()) = tokio::join!(run(&mut relay), talk);
    assert_eq!(reason, Closed::IdleTimeout);
    assert!(start.elapsed() >= 7 * IDLE - Duration::from_secs(6), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_connection_ends_at_its_own_time_out() {
    let Pair { mut relay, mut client, mut endpoint, connection: _listed } =
        pair(2 * HALF_CLOSED_TIMEOUT).await;
    let start = Instant::now();
    let end = async {
        client.shutdown().await.unwrap();
        assert_eq!(endpoint.read(&mut [0]).await.unwrap(), 0);
    };
    let (reason, ()) = tokio::join!(run(&mut relay), end);
    assert_eq!(reason, Closed::HalfClosedTimeout);
    assert_passed(start, HALF_CLOSED_TIMEOUT);
    drop(client);
}

#[tokio::test]
async fn a_relay_that_is_interrupted_goes_on_without_losing_a_byte() {
    let Pair { mut relay, client, mut endpoint, connection: _listed } = pair(IDLE).await;
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
            reason = relay.run() => break reason,
            () = tokio::task::yield_now() => {}
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(reason, Closed::Finished);
    relay.close(reason);
    assert!(reader.await.unwrap() == sent);
    let mut answer = String::new();
    reading.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "done");
    writer.await.unwrap();
}

#[tokio::test]
async fn a_relay_that_is_told_to_end_resets_both_sides() {
    let Pair { mut relay, mut client, mut endpoint, connection: _listed } = pair(IDLE).await;
    let connection = Rc::clone(&relay.connection);
    let (reason, ()) = tokio::join!(relay.run(), async {
        tokio::task::yield_now().await;
        connection.order.give(Closed::Drained);
    });
    assert_eq!(reason, Closed::Drained);
    relay.close(reason);
    assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(endpoint.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_peer_that_stops_answering_is_told_from_one_that_resets() {
    let of = |kind: ErrorKind| io::Error::from(kind);
    let reading = |kind, direction| Failure::Reading(of(kind)).reason(direction);
    let writing = |kind, direction| Failure::Writing(of(kind)).reason(direction);
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
        (socket.keepalive().unwrap(), socket.tcp_user_timeout().unwrap().is_some())
    };
    assert_eq!(watched(&pair.relay), (false, false));
    tokio::time::timeout(3 * TICK, run(&mut pair.relay)).await.unwrap_err();
    assert_eq!(watched(&pair.relay), (true, true));
}
