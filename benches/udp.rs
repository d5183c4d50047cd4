//! What does UDP through weir cost, beside a direct exchange and beside the simplest relay that could work?

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::net;
use weir_bench::{PATIENCE, Weir};
use weir_core::Protocol;
use weir_testkit::{OwnThread, UdpBehaviour, UdpServer};

/// What clients send. All of them together stay below what the usual socket buffers hold: nothing is lost.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    clients: usize,
    /// Datagrams that each client has on the way at any time.
    outstanding: usize,
    length: usize,
}

const LOADS: [Load; 4] = [
    Load { name: "one", clients: 1, outstanding: 1, length: 64 },
    Load { name: "rate", clients: 32, outstanding: 8, length: 64 },
    Load { name: "bulk", clients: 4, outstanding: 16, length: 1_400 },
    Load { name: "largest", clients: 1, outstanding: 1, length: 65_507 },
];

fn main() {
    let mut criterion = weir_bench::criterion();
    exchanges(&mut criterion);
    criterion.final_summary();
}

/// Datagrams there and back.
fn exchanges(criterion: &mut Criterion) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let backend =
        OwnThread::start(move || UdpServer::start(any_port, UdpBehaviour::Echo)).expect("a backend starts");
    let endpoint = backend.address();
    let relay = OwnThread::start(move || Relay::to(endpoint)).expect("a relay starts");
    let weir = Weir::serve(Protocol::Udp, endpoint);
    for load in LOADS {
        let mut group = criterion.benchmark_group(format!("udp/{}", load.name));
        let datagrams = load.clients * load.outstanding;
        group.throughput(Throughput::ElementsAndBytes {
            elements: datagrams as u64,
            bytes: (datagrams * load.length) as u64,
        });
        for (way, address) in [("direct", endpoint), ("relay", relay.address), ("weir", weir.address)] {
            measure(&mut group, way, load, address);
        }
    }
}

/// Each iteration has all clients send, and all answers come.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, way: &str, load: Load, address: SocketAddr) {
    let clients: Vec<_> = (0..load.clients).map(|_| connect(address).expect("a socket can be had")).collect();
    let (message, mut buffer) = (vec![b'w'; load.length], vec![0; load.length]);
    let mut round = || -> io::Result<()> {
        for _ in 0..load.outstanding {
            for client in &clients {
                client.send(&message)?;
            }
        }
        for client in &clients {
            for _ in 0..load.outstanding {
                assert_eq!(client.recv(&mut buffer)?, load.length);
            }
        }
        Ok(())
    };
    group.bench_function(BenchmarkId::from_parameter(way), |bencher| {
        bencher.iter(|| round().expect("no datagram is lost"));
    });
}

fn connect(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let client = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.connect(address)?;
    Ok(client)
}

/// The simplest relay: one call to receive and one to send for each datagram; no balancing, time-outs or metrics.
struct Relay {
    address: SocketAddr,
}

impl Relay {
    async fn to(endpoint: SocketAddr) -> io::Result<Self> {
        let socket = Arc::new(net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        let address = socket.local_addr()?;
        tokio::spawn(forward(socket, endpoint));
        Ok(Self { address })
    }
}

async fn forward(socket: Arc<net::UdpSocket>, endpoint: SocketAddr) -> io::Result<()> {
    let mut flows = HashMap::<SocketAddr, Arc<net::UdpSocket>>::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).await?;
        let upstream = match flows.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let upstream = Arc::new(net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
                upstream.connect(endpoint).await?;
                tokio::spawn(reply(Arc::clone(&upstream), Arc::clone(&socket), client));
                new.insert(upstream)
            }
        };
        upstream.send(&buffer[..length]).await?;
    }
}

async fn reply(
    upstream: Arc<net::UdpSocket>,
    socket: Arc<net::UdpSocket>,
    client: SocketAddr,
) -> io::Result<()> {
    let mut buffer = vec![0; 65_536];
    loop {
        let length = upstream.recv(&mut buffer).await?;
        socket.send_to(&buffer[..length], client).await?;
    }
}
