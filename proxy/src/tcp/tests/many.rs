//! Do thousands of connections end when their time has come, and only then?

use super::*;
use crate::{endings, socket::BACKLOG};
use socket2::{Domain, Socket, Type};
use tokio::time::{advance, pause};
use weir_core::HALF_CLOSED_TIMEOUT;
use weir_testkit::scaled_connections;

/// Two descriptors for each.
fn thousands() -> usize {
    scaled_connections(10_000, 2)
}

/// A listening socket that nobody accepts from: its clients take no descriptors.
fn unattended() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    socket.listen(BACKLOG as i32).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Looks at all connections again and again until `condition` holds for them.
async fn until(frontend: &Frontend, condition: impl Fn(&Connection) -> bool) {
    let all = || frontend.worker.connections.borrow().iter().all(|connection| condition(connection));
    for _ in 0..1_000_000 {
        if all() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never");
}

/// One tick of the worker's clock, and all that follows from it.
async fn tick(frontend: &Frontend) {
    if frontend.worker.tick() {
        endings::finish_tick(Rc::clone(&frontend.worker)).await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn ten_thousand_half_closed_connections_are_reaped() {
    let many = thousands();
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let (_endpoints, addresses): (Vec<_>, Vec<_>) = (0..4).map(|_| unattended()).unzip();
        let frontend = fixture::frontend(Duration::from_secs(24 * 3600), &addresses);
        let (listener, front) = listening().await;
        let acceptor = Acceptor::new(Rc::clone(&frontend), listener.into_std().unwrap()).unwrap();
        tokio::task::spawn_local(listen(acceptor, CancellationToken::new()));
        for _ in 0..many {
            // Gone for good, which nobody tells the endpoint: it never reads.
            drop(TcpStream::connect(front).await.unwrap());
        }
        while frontend.worker.connections.borrow().len() < many {
            tokio::task::yield_now().await;
        }
        let start = std::time::Instant::now();
        until(&frontend, |connection| connection.deadline() < start + 2 * HALF_CLOSED_TIMEOUT).await;
        let live = || frontend.worker.connections.borrow().len();

        pause();
        advance(HALF_CLOSED_TIMEOUT - Duration::from_secs(60)).await;
        tick(&frontend).await;
        assert_eq!(live(), many, "none ends early");
        advance(Duration::from_secs(62)).await;
        assert!(frontend.worker.tick(), "there is more to do than one turn does");
        let told = |connection: &&Rc<Connection>| connection.order.given().is_some();
        assert_eq!(frontend.worker.connections.borrow().iter().filter(told).count(), endings::TURN);
        let start = std::time::Instant::now();
        tick(&frontend).await;
        assert_eq!(live(), 0, "of {many}");
        println!("{many} half-closed connections were reaped within {:?}", start.elapsed());
    });
}
