//! How long do clients wait that ask at a fixed rate, whatever the answers do?
//!
//! A latency counts from the moment when the request was due, so that a proxy that makes requests wait cannot hide it.

use super::{
    closed,
    exchange::{PAYLOAD, connect, request, time_of},
    ticks::{Due, Ticks},
    udp,
};
use crate::meter::Meter;
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpStream, UdpSocket, tcp::OwnedReadHalf},
};

/// More unfinished connections than this are a proxy that cannot keep up.
const UNFINISHED: usize = 4096;

/// Calls `ask` for each request with the time at which it was due, until the meter is stopped.
async fn at_rate(rate: f64, meter: &Meter, mut ask: impl FnMut(u64)) -> io::Result<()> {
    let (mut due, mut ticks) = (Due::at_rate(rate), Ticks::start()?);
    let asking = async {
        loop {
            let time = meter.at(ticks.next().await?);
            (0..due.tick()).for_each(|_| ask(time));
        }
    };
    meter.until_stopped(asking).await.unwrap_or(Ok(()))
}

/// Opens connections at a rate (1/s).
pub(super) async fn connections(address: SocketAddr, rate: f64, meter: &Arc<Meter>) -> io::Result<()> {
    let unfinished = Arc::new(AtomicUsize::new(0));
    at_rate(rate, meter, |due| {
        if unfinished.load(Ordering::Relaxed) >= UNFINISHED {
            return meter.failed(format_args!("{UNFINISHED} connections are unfinished"));
        }
        unfinished.fetch_add(1, Ordering::Relaxed);
        let (meter, unfinished) = (Arc::clone(meter), Arc::clone(&unfinished));
        tokio::spawn(async move {
            closed::connection(address, due, &meter).await;
            unfinished.fetch_sub(1, Ordering::Relaxed);
        });
    })
    .await
}

/// Makes exchanges at a rate (1/s), on one connection after another.
pub(super) async fn exchanges(
    address: SocketAddr,
    rate: f64,
    connections: usize,
    meter: &Arc<Meter>,
) -> io::Result<()> {
    let mut writers = Vec::new();
    for _ in 0..connections {
        let (reader, writer) = connect(address).await?.into_split();
        let meter = Arc::clone(meter);
        tokio::spawn(async move {
            let Err(error) = answers(reader, &meter).await;
            meter.failed(error);
        });
        writers.push(writer);
    }
    let mut order = (0..writers.len()).cycle();
    at_rate(rate, meter, |due| {
        let writer: &TcpStream = writers[order.next().unwrap_or_default()].as_ref();
        sent(writer.try_write(&request(due)), meter);
    })
    .await
}

async fn answers(mut reader: OwnedReadHalf, meter: &Meter) -> io::Result<Infallible> {
    let mut buffer = [0; PAYLOAD * 32];
    let mut filled = 0;
    loop {
        match reader.read(&mut buffer[filled..]).await? {
            0 => return Err(io::Error::other("the connection was closed")),
            length => filled += length,
        }
        let whole = filled - filled % PAYLOAD;
        buffer[..whole].chunks(PAYLOAD).filter_map(time_of).for_each(|due| meter.completed(due));
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

/// Makes exchanges at a rate (1/s), on one UDP flow after another.
pub(super) async fn datagrams(
    address: SocketAddr,
    rate: f64,
    flows: usize,
    meter: &Arc<Meter>,
) -> io::Result<()> {
    let unanswered = Arc::new(AtomicI64::new(0));
    let mut sockets = Vec::new();
    for _ in 0..flows {
        let socket = Arc::new(udp::socket(address).await?);
        tokio::spawn(answered(Arc::clone(&socket), Arc::clone(&unanswered), Arc::clone(meter)));
        sockets.push(socket);
    }
    let mut order = (0..sockets.len()).cycle();
    at_rate(rate, meter, |due| {
        unanswered.fetch_add(1, Ordering::Relaxed);
        sent(sockets[order.next().unwrap_or_default()].try_send(&request(due)), meter);
    })
    .await?;
    // What is still on the way is not lost.
    tokio::time::sleep(udp::LOST).await;
    let lost = u64::try_from(unanswered.load(Ordering::Relaxed)).unwrap_or(0);
    meter.failed_often(lost, "a datagram was not answered");
    Ok(())
}

async fn answered(socket: Arc<UdpSocket>, unanswered: Arc<AtomicI64>, meter: Arc<Meter>) {
    let mut answer = [0; PAYLOAD];
    loop {
        match socket.recv(&mut answer).await {
            Ok(length) => {
                unanswered.fetch_sub(1, Ordering::Relaxed);
                time_of(&answer[..length]).into_iter().for_each(|due| meter.completed(due));
            }
            Err(error) => meter.failed(error),
        }
    }
}

/// A socket that takes no more 64 bytes is a proxy that cannot keep up.
fn sent(outcome: io::Result<usize>, meter: &Meter) {
    match outcome {
        Ok(PAYLOAD) => {}
        Ok(_) => meter.failed("a request was cut short"),
        Err(error) => meter.failed(error),
    }
}
