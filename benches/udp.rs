//! What does a UDP exchange through weir cost, beside a direct one?

use criterion::{Bencher, BenchmarkId, Criterion, Throughput};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};
use weir_bench::{PATIENCE, Weir};
use weir_core::Protocol;
use weir_testkit::{OwnThread, UdpBehaviour, UdpServer};

const MESSAGE: [u8; 64] = [b'w'; 64];

fn main() {
    let mut criterion = weir_bench::criterion();
    exchanges(&mut criterion);
    criterion.final_summary();
}

/// 64 bytes there and back, with so many datagrams on the way at any time.
fn exchanges(criterion: &mut Criterion) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let backend =
        OwnThread::start(move || UdpServer::start(any_port, UdpBehaviour::Echo)).expect("a backend starts");
    let weir = Weir::serve(Protocol::Udp, backend.address());
    let mut group = criterion.benchmark_group("udp");
    group.throughput(Throughput::Elements(1));
    for outstanding in [1, 32] {
        for (way, address) in [("direct", backend.address()), ("weir", weir.address)] {
            let client = connect(address).expect("a socket can be had");
            let measure = |bencher: &mut Bencher<'_>| {
                bencher
                    .iter_custom(|count| exchange(&client, outstanding, count).expect("no datagram is lost"));
            };
            group.bench_function(BenchmarkId::new(way, outstanding), measure);
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.connect(address)?;
    Ok(client)
}

/// Measures `count` exchanges. What is on the way before and after them is not measured.
fn exchange(client: &UdpSocket, outstanding: usize, count: u64) -> io::Result<Duration> {
    let mut buffer = [0; MESSAGE.len()];
    for _ in 0..outstanding {
        client.send(&MESSAGE)?;
    }
    let start = Instant::now();
    for _ in 0..count {
        client.recv(&mut buffer)?;
        client.send(&MESSAGE)?;
    }
    let elapsed = start.elapsed();
    for _ in 0..outstanding {
        client.recv(&mut buffer)?;
    }
    Ok(elapsed)
}
