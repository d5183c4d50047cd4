//! What does TCP through weir cost, beside a direct connection and beside the simplest proxy that could work?

use criterion::{BenchmarkGroup, BenchmarkId, SamplingMode, Throughput, measurement::WallTime};
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
};
use tokio::net;
use weir_bench::{PATIENCE, Weir};
use weir_core::Protocol;
use weir_testkit::{Behaviour, OwnThread, TcpServer};

const BULK: u64 = 64 << 20;
const MESSAGE: [u8; 64] = [b'w'; 64];

/// What the sockets between two ends hold without anybody reading.
const FITS: usize = 64 << 10;

fn main() {
    let mut criterion = weir_bench::criterion();
    bulk(criterion.benchmark_group("tcp/bulk"));
    messages(criterion.benchmark_group("tcp/messages"));
    connections(criterion.benchmark_group("tcp/connections"));
    criterion.final_summary();
}

/// One connection receives 64 MiB.
fn bulk(mut group: BenchmarkGroup<'_, WallTime>) {
    group.sampling_mode(SamplingMode::Flat).sample_size(10).throughput(Throughput::Bytes(BULK));
    let mut buffer = vec![0; 256 << 10];
    let mut receive = |address| -> io::Result<u64> {
        let mut client = connect(address)?;
        let mut received = 0;
        loop {
            match client.read(&mut buffer)? {
                0 => return Ok(received),
                length => received += length as u64,
            }
        }
    };
    let ways = Ways::to(Behaviour::Source { bytes: BULK });
    for (way, address) in ways.each() {
        group.bench_function(way, |bencher| {
            bencher.iter(|| assert_eq!(receive(address).expect("the bytes arrive"), BULK));
        });
    }
}

/// One connection sends a message and waits for it to come back, again and again.
fn messages(mut group: BenchmarkGroup<'_, WallTime>) {
    let ways = Ways::to(Behaviour::Echo);
    for size in [64, 1 << 10, 16 << 10, 64 << 10, 1 << 20] {
        group.throughput(Throughput::Bytes(2 * size as u64));
        for (way, address) in ways.each() {
            let mut exchange = Exchange::over(connect(address).expect("the connection opens"), size);
            group.bench_function(BenchmarkId::new(way, size), |bencher| {
                bencher.iter(|| exchange.once().expect("the echo arrives"));
            });
        }
    }
}

/// A connection on which messages come back.
struct Exchange {
    client: TcpStream,
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Exchange {
    fn over(client: TcpStream, size: usize) -> Self {
        Self { client, sent: vec![b'w'; size], received: vec![0; size] }
    }

    fn once(&mut self) -> io::Result<()> {
        let Self { client, sent, received } = self;
        if sent.len() <= FITS {
            client.write_all(sent)?;
            return client.read_exact(received);
        }
        // More than the sockets on the way hold: whoever sends it all before reading would wait for ever.
        let (mut reader, mut writer) = (&*client, &*client);
        thread::scope(|scope| {
            let sending = scope.spawn(move || writer.write_all(sent));
            reader.read_exact(received)?;
            sending.join().expect("writing does not panic")
        })
    }
}

/// Connections one after another: open, 64 bytes each way, close.
///
/// The server closes first, as in HTTP/1.0: so TIME_WAIT is on its side, and clients never run out of ports.
fn connections(mut group: BenchmarkGroup<'_, WallTime>) {
    group.throughput(Throughput::Elements(1));
    let visit = |address| -> io::Result<usize> {
        let mut client = connect(address)?;
        client.write_all(&MESSAGE)?;
        client.read_to_end(&mut Vec::with_capacity(2 * MESSAGE.len()))
    };
    let ways = Ways::to(Behaviour::Source { bytes: MESSAGE.len() as u64 });
    for (way, address) in ways.each() {
        group.bench_function(way, |bencher| {
            bencher.iter(|| assert_eq!(visit(address).expect("the connection is served"), MESSAGE.len()));
        });
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let client = TcpStream::connect_timeout(&address, PATIENCE)?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    Ok(client)
}

/// The ways from a client to one backend. The backend and each proxy have a thread of their own.
struct Ways {
    copy: OwnThread<CopyProxy>,
    weir: Weir,
    backend: OwnThread<TcpServer>,
}

impl Ways {
    fn to(behaviour: Behaviour) -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let backend =
            OwnThread::start(move || TcpServer::start(any_port, behaviour)).expect("a backend starts");
        let endpoint = backend.address();
        let copy = OwnThread::start(move || CopyProxy::to(endpoint)).expect("a proxy starts");
        Self { copy, weir: Weir::serve(Protocol::Tcp, endpoint), backend }
    }

    fn each(&self) -> [(&'static str, SocketAddr); 3] {
        [
            ("direct", self.backend.address()),
            ("copy_bidirectional", self.copy.address),
            ("weir", self.weir.address),
        ]
    }
}

/// The simplest proxy: no balancing, time-outs, metrics or resets.
struct CopyProxy {
    address: SocketAddr,
}

impl CopyProxy {
    async fn to(endpoint: SocketAddr) -> io::Result<Self> {
        let listener = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(copy(client, endpoint));
            }
        });
        Ok(Self { address })
    }
}

async fn copy(mut client: net::TcpStream, endpoint: SocketAddr) -> io::Result<()> {
    let mut upstream = net::TcpStream::connect(endpoint).await?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut upstream).await?;
    Ok(())
}
