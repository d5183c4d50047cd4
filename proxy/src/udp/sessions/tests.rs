//! Does relaying datagrams leave the allocator alone?

use crate::udp::{
    fixture::{self, Fixture},
    requests::listen,
};
use allocation_counter::measure;
use socket2::SockRef;
use std::{rc::Rc, sync::Arc};
use tokio::{net, runtime::Builder, task::LocalSet};
use tokio_util::sync::CancellationToken;

mod endings;
mod hops;

/// What a client sends again and again: this many datagrams of a size, in one send if by GSO.
#[derive(Clone, Copy, Debug)]
pub(in crate::udp) struct Burst {
    pub(in crate::udp) datagrams: usize,
    pub(in crate::udp) length: usize,
    pub(in crate::udp) tos: u32,
    pub(in crate::udp) gso: bool,
}

async fn bind() -> net::UdpSocket {
    net::UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// Relays bursts to the endpoint and back.
pub(in crate::udp) async fn relay(
    client: &net::UdpSocket,
    endpoint: &net::UdpSocket,
    burst: Burst,
    times: usize,
) {
    let buffer = &mut [0; 2048][..];
    let sent = &[7; 65_507][..burst.datagrams * burst.length];
    for _ in 0..times {
        if burst.gso {
            client.send(sent).await.unwrap();
        } else {
            for datagram in sent.chunks(burst.length) {
                client.send(datagram).await.unwrap();
            }
        }
        for _ in 0..burst.datagrams {
            let (length, from) = endpoint.recv_from(buffer).await.unwrap();
            endpoint.send_to(&buffer[..length], from).await.unwrap();
        }
        for _ in 0..burst.datagrams {
            assert_eq!(client.recv(buffer).await.unwrap(), burst.length);
        }
    }
}

/// Bursts of all kinds.
pub(in crate::udp) fn bursts() -> [Burst; 4] {
    let one = Burst { datagrams: 1, length: 64, tos: 0, gso: false };
    let many = Burst { datagrams: 100, ..one };
    let marked = Burst { tos: 0b1011_1010, ..many };
    let segmented = Burst { datagrams: 40, length: 1400, tos: 2, gso: true };
    [one, many, marked, segmented]
}

/// Makes the client send datagrams as the burst asks for.
pub(in crate::udp) fn prepare(client: &net::UdpSocket, burst: Burst) {
    SockRef::from(client).set_tos_v4(burst.tos).unwrap();
    if burst.gso {
        let segment = burst.length as i32;
        nix::sys::socket::setsockopt(client, nix::sys::socket::sockopt::UdpGsoSegment, &segment).unwrap();
    }
}

#[test]
fn relaying_a_datagram_allocates_nothing() {
    for burst in bursts() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let tasks = LocalSet::new();
        let (client, endpoint, stop) = tasks.block_on(&runtime, async {
            let (client, endpoint, stop) = (bind().await, bind().await, CancellationToken::new());
            let Fixture { udp, sessions } = fixture::bound(&endpoint);
            let address = sessions.frontend.borrow().address;
            client.connect(address).await.unwrap();
            prepare(&client, burst);
            tokio::task::spawn_local(listen(udp, sessions, stop.child_token(), stop.clone()));
            (client, endpoint, stop)
        });
        let allocations =
            |times| measure(|| tasks.block_on(&runtime, relay(&client, &endpoint, burst, times))).count_total;
        // The first bursts open the flow, and grow buffers as far as they ever grow.
        allocations(10);
        assert_eq!(allocations(100), allocations(1), "{burst:?}");
        stop.cancel();
    }
}

#[test]
fn a_flow_moves_no_reference_count_that_other_workers_read_for_each_batch() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (client, endpoint, stop) = (bind().await, bind().await, CancellationToken::new());
        let Fixture { udp, sessions } = fixture::bound(&endpoint);
        let frontend = Rc::clone(&sessions.frontend.borrow());
        client.connect(frontend.address).await.unwrap();
        tokio::task::spawn_local(listen(Rc::clone(&udp), sessions, stop.child_token(), stop));
        let counts = || {
            [
                Arc::strong_count(&frontend.runtime),
                Arc::strong_count(&frontend.runtime.metrics),
                Arc::strong_count(&frontend.runtime.service),
            ]
        };
        let before = counts();
        relay(&client, &endpoint, Burst { datagrams: 1, length: 64, tos: 0, gso: false }, 2).await;
        assert!(!udp.flows.borrow().is_empty());
        assert_eq!(counts(), before);
    });
}
