//! How fast do clients send and receive without end?

use super::exchange::connect;
use crate::{bed::endpoints::CHUNK, meter::Meter};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends on so many streams; the endpoints count what arrives.
pub(super) async fn up(address: SocketAddr, streams: usize, meter: &Arc<Meter>) {
    for _ in 0..streams {
        let meter = Arc::clone(meter);
        tokio::spawn(async move {
            let Err(error) = send(address).await;
            meter.failed(error);
        });
    }
    meter.stopped().await;
}

async fn send(address: SocketAddr) -> io::Result<Infallible> {
    let mut stream = connect(address).await?;
    let chunk = vec![b'w'; CHUNK];
    loop {
        stream.write_all(&chunk).await?;
    }
}

/// Receives on so many streams; `received` gets the bytes.
pub(super) async fn down(address: SocketAddr, streams: usize, received: fn(&Meter, u64), meter: &Arc<Meter>) {
    for _ in 0..streams {
        let meter = Arc::clone(meter);
        tokio::spawn(async move {
            let Err(error) = receive(address, |bytes| received(&meter, bytes)).await;
            meter.failed(error);
        });
    }
    meter.stopped().await;
}

async fn receive(address: SocketAddr, received: impl Fn(u64)) -> io::Result<Infallible> {
    let mut stream = connect(address).await?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match stream.read(&mut chunk).await? {
            0 => return Err(io::Error::other("a stream without end ended")),
            length => received(length as u64),
        }
    }
}
