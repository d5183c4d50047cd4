//! Who answers behind the demo's Service?

use anyhow::Context;
use http_body_util::Full;
use hyper::{Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// Pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Ports that are tried until one is free on all endpoints' addresses.
const PORT_ATTEMPTS: usize = 20;

/// HTTP and UDP server inside this process.
pub(super) struct Backend {
    name: String,
    address: SocketAddr,
    connections: Arc<AtomicU64>,
}

/// Starts `count` backends on loopback addresses of their own, all on the same port.
pub(super) async fn start(count: u16) -> anyhow::Result<Vec<Backend>> {
    let mut last = None;
    for _ in 0..PORT_ATTEMPTS {
        match bind_all(count).await {
            Ok(sockets) => {
                return Ok(sockets
                    .into_iter()
                    .enumerate()
                    .map(|(index, pair)| Backend::serve(index, pair))
                    .collect());
            }
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| io::Error::other("no attempt was made"));
    Err(error)
        .context("cannot find a free port for the demo's endpoints on 127.0.1.1 and the addresses after it")
}

async fn bind_all(count: u16) -> io::Result<Vec<(TcpListener, UdpSocket)>> {
    let mut sockets: Vec<(TcpListener, UdpSocket)> = Vec::new();
    for index in 0..count {
        let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 1)) + u32::from(index));
        let port = match sockets.first() {
            Some((first, _)) => first.local_addr()?.port(),
            None => 0,
        };
        let listener = TcpListener::bind((ip, port)).await?;
        let udp = UdpSocket::bind(listener.local_addr()?).await?;
        sockets.push((listener, udp));
    }
    Ok(sockets)
}

impl Backend {
    fn serve(index: usize, (listener, udp): (TcpListener, UdpSocket)) -> Self {
        let name = format!("web-{}", index + 1);
        let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0; 4], 0)));
        let connections = Arc::new(AtomicU64::new(0));
        tokio::spawn(serve_http(listener, name.clone(), Arc::clone(&connections)));
        tokio::spawn(serve_udp(udp, name.clone()));
        Self { name, address, connections }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve_http(listener: TcpListener, name: String, connections: Arc<AtomicU64>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let number = connections.fetch_add(1, Ordering::Relaxed) + 1;
                tokio::spawn(answer(stream, format!("Hello from {name}, connection {number}.\n")));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn answer(stream: TcpStream, greeting: String) {
    let service = service_fn(move |_| {
        let greeting = Bytes::from(greeting.clone());
        async move { Ok::<_, Infallible>(Response::new(Full::new(greeting))) }
    });
    // A client that leaves early is its own business.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn serve_udp(socket: UdpSocket, name: String) {
    let mut datagram = vec![0; 65_536];
    loop {
        // Errors are about single clients: ICMP says that one of them is gone.
        let Ok((length, client)) = socket.recv_from(&mut datagram).await else { continue };
        let reply = [format!("{name}: ").as_bytes(), &datagram[..length]].concat();
        let _ = socket.send_to(&reply, client).await;
    }
}
