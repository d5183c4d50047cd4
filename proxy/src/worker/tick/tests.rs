//! Do thousands of connections end when their time has come, and only then?

use super::*;
use crate::{
    session::{connection::Connection, context::WorkerContext},
    sys::socket::MAX_BACKLOG,
    tcp::{
        accept::{self, Acceptor},
        fixture::{self, Fixture},
    },
};
use socket2::{Domain, Socket, Type};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    net::TcpStream,
    runtime::{Builder, LocalOptions},
    time::{advance, pause},
};
use tokio_util::sync::CancellationToken;
use weir_core::Settings;
use weir_testkit::scaled_connections;

/// Number of connections in the test, with two descriptors each.
fn thousands() -> usize {
    scaled_connections(10_000, 2)
}

/// A listening socket that nobody accepts from: its clients take no descriptors.
fn unattended() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    socket.listen(MAX_BACKLOG as i32).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Looks at all connections again and again until `condition` holds for them.
async fn until(worker: &WorkerContext, condition: impl Fn(&Connection) -> bool) {
    let all = || worker.connections.borrow().iter().all(|connection| condition(connection));
    for _ in 0..1_000_000 {
        if all() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never");
}

/// One tick of the worker's clock, and all that follows from it.
async fn tick(udp: &UdpContext) {
    udp.worker.tick();
    if end_due(udp) {
        finish(udp).await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn ten_thousand_half_closed_connections_are_reaped() {
    let many = thousands();
    let half_closed_timeout = Settings::default().half_closed_timeout;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let (_endpoints, addresses): (Vec<_>, Vec<_>) = (0..4).map(|_| unattended()).unzip();
        let Fixture { worker, frontend } = fixture::frontend(Duration::from_secs(24 * 3600), &addresses);
        let udp = UdpContext::new(Rc::clone(&worker), 1);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let front = listener.local_addr().unwrap();
        let acceptor = Acceptor::new(frontend, listener).unwrap();
        tokio::task::spawn_local(accept::listen(Rc::clone(&worker), acceptor, CancellationToken::new()));
        for _ in 0..many {
            // Gone for good, which the endpoint does not notice: it never reads.
            drop(TcpStream::connect(front).await.unwrap());
        }
        while worker.connections.borrow().len() < many {
            tokio::task::yield_now().await;
        }
        let start = std::time::Instant::now();
        until(&worker, |connection| connection.deadline() < start + 2 * half_closed_timeout).await;
        let live = || worker.connections.borrow().len();

        pause();
        advance(half_closed_timeout - Duration::from_secs(60)).await;
        tick(&udp).await;
        assert_eq!(live(), many, "none ends early");
        advance(Duration::from_secs(62)).await;
        worker.tick();
        assert!(end_due(&udp), "there is more to do than one burst does");
        let signalled = |connection: &&Rc<Connection>| connection.close_signal.reason().is_some();
        assert_eq!(worker.connections.borrow().iter().filter(signalled).count(), MAX_BURST_ENDS);
        let start = std::time::Instant::now();
        tick(&udp).await;
        assert_eq!(live(), 0, "of {many}");
        println!("{many} half-closed connections were reaped within {:?}", start.elapsed());
    });
}
