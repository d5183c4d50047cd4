//! What does a TCP connection take?

use super::*;
use crate::{
    session::connection::Connection,
    tcp::{
        accept::{Acceptor, listen},
        fixture::{self, Fixture},
    },
};
use allocation_counter::measure;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, LocalOptions},
};
use tokio_util::sync::CancellationToken;

/// The size of the future that a function returns, without calling it.
fn size_of_future<A, B, C, D, E, F: Future>(_: impl Fn(A, B, C, D, E) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn a_connection_takes_little_memory_of_its_own() {
    let future =
        size_of_future(|worker: &Rc<WorkerContext>, frontend: &Rc<LocalFrontend>, client, peer, permit| {
            session(worker, frontend, client, peer, permit)
        });
    assert!(future <= 320, "the future of a connection takes {future} bytes");
    // With its two reference counts it takes one of the allocator's pieces of 320 bytes.
    assert!(size_of::<Connection>() <= 272, "what its worker knows takes {} bytes", size_of::<Connection>());
}

async fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Client and endpoint of one connection, from open to close.
async fn visit(address: SocketAddr, endpoint: &TcpListener) {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"ping").await.unwrap();
    let (mut served, _) = endpoint.accept().await.unwrap();
    served.read_exact(&mut [0; 4]).await.unwrap();
    served.write_all(b"pong").await.unwrap();
    client.read_exact(&mut [0; 4]).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(served.read(&mut [0]).await.unwrap(), 0);
    drop(served);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

#[test]
fn a_connection_allocates_few_times_and_gives_all_of_it_back() {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    let (endpoint, direct, worker, front) = runtime.block_on(async {
        let (endpoint, direct) = listening().await;
        let (listener, front) = listening().await;
        let Fixture { worker, frontend } = fixture::frontend(Duration::from_secs(600), &[direct]);
        let acceptor = Acceptor::new(frontend, listener.into_std().unwrap()).unwrap();
        tokio::task::spawn_local(listen(Rc::clone(&worker), acceptor, CancellationToken::new()));
        (endpoint, direct, worker, front)
    });
    const TIMES: usize = 100;
    let count = |address| {
        measure(|| {
            runtime.block_on(async {
                // The runtime allocates once for tasks that yield.
                tokio::task::yield_now().await;
                for _ in 0..TIMES {
                    visit(address, &endpoint).await;
                }
                while !worker.connections.borrow().is_empty() {
                    tokio::task::yield_now().await;
                }
            });
        })
    };
    for address in [front, direct] {
        count(address);
    }
    let (without, with) = (count(direct), count(front));
    let of_one = (with.count_total - without.count_total) as f64 / TIMES as f64;
    println!("{of_one} allocations for each connection");
    // Among them the state of two sockets in the runtime, the task, the connection in the list, and twice for
    // connecting: what that needs until an endpoint has accepted, and what is kept until the endpoint has proven to be
    // of use.
    assert!(of_one <= 8.0, "{of_one} allocations for each connection");
    assert!(with.count_current.abs() < 10, "{} allocations were not given back", with.count_current);
}
