//! What do the endpoints do with what they get?

use super::network::{DIRECT_ENDPOINT, ECHO, ENDPOINTS, Network, SINK, SOURCE};
use anyhow::{Context, Result};
use socket2::{Domain, Socket, Type};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

/// Bytes that bulk transfers read or write at a time.
pub(crate) const CHUNK: usize = 128 * 1024;
/// Bytes of a socket's receive buffer, so that datagrams wait in the kernel while a thread is not running.
pub(crate) const DATAGRAM_BUFFER: usize = 4 * 1024 * 1024;
const BACKLOG: i32 = 8192;
/// The wait after an accept or receive that fails, which may fail again at once.
const BACK_OFF: Duration = Duration::from_millis(10);

/// Number of bytes that the sink got from all clients so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received(Arc<AtomicU64>);

impl Received {
    /// The number of bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Starts the endpoints on so many threads for exchanges and as many for bulk transfers, which would make exchanges wait.
/// They serve until the process ends.
pub(crate) fn start(network: &Arc<Network>, threads: usize) -> Result<Received> {
    let received = Received::default();
    for bulk in [false, true] {
        for _ in 0..threads {
            let (network, received) = (Arc::clone(network), received.clone());
            let (started, starting) = mpsc::channel();
            thread::Builder::new().name("backend".into()).spawn(move || {
                network.backend.run(|| async {
                    let listening = if bulk { listen_for_bulk(&received) } else { listen_for_exchanges() };
                    // Nobody hears it when the comparison has failed already.
                    let _ = started.send(listening);
                    std::future::pending::<()>().await;
                })
            })?;
            starting.recv().context("an endpoint's thread ended")?.context("an endpoint cannot listen")?;
        }
    }
    Ok(received)
}

fn addresses() -> impl Iterator<Item = Ipv4Addr> {
    ENDPOINTS.into_iter().chain([DIRECT_ENDPOINT])
}

fn listen_for_exchanges() -> io::Result<()> {
    for address in addresses() {
        let address = SocketAddr::from((address, ECHO));
        tokio::spawn(accept(listener(address)?, echo));
        let socket = bound(address, Type::DGRAM)?;
        socket.set_recv_buffer_size(DATAGRAM_BUFFER)?;
        tokio::spawn(echo_datagrams(UdpSocket::from_std(socket.into())?));
    }
    Ok(())
}

fn listen_for_bulk(received: &Received) -> io::Result<()> {
    for address in addresses() {
        let counted = received.clone();
        tokio::spawn(accept(listener((address, SINK).into())?, move |stream| sink(stream, counted.clone())));
        tokio::spawn(accept(listener((address, SOURCE).into())?, source));
    }
    Ok(())
}

/// Several threads share each address.
fn bound(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(address, Type::STREAM)?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn accept<Serve, Serving>(listener: TcpListener, serve: Serve)
where
    Serve: Fn(TcpStream) -> Serving,
    Serving: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            // How a connection ends is what the client looks at.
            Ok((stream, _)) => drop(tokio::spawn(serve(stream))),
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 2048];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length]).await?,
        }
    }
}

async fn sink(mut stream: TcpStream, received: Received) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => received.0.fetch_add(length as u64, Ordering::Relaxed),
        };
    }
}

async fn source(mut stream: TcpStream) -> io::Result<()> {
    let buffer = vec![b'w'; CHUNK];
    loop {
        stream.write_all(&buffer).await?;
    }
}

async fn echo_datagrams(socket: UdpSocket) {
    let mut buffer = [0; 2048];
    loop {
        match socket.recv_from(&mut buffer).await {
            // A client that went away refuses the reply; the next one must still be served.
            Ok((length, source)) => drop(socket.send_to(&buffer[..length], source).await),
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}
