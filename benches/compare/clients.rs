//! Which clients do a work?

mod bulk;
mod closed;
mod idle;
mod open;
mod ticks;
mod udp;

use crate::{
    bed::network::{ECHO, SINK, SOURCE},
    meter::Meter,
    work::{BESIDE, CONCURRENT, STREAMS, Work},
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long requests and their answers are.
pub(crate) const PAYLOAD: usize = 64;

/// What one thread of clients does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// Connections, one after the other, in so many tasks.
    Connections(usize),
    /// Exchanges, one after the other, on so many connections.
    Exchanges(usize),
    /// So many streams to the endpoints.
    Up(usize),
    /// So many streams from the endpoints, which count as work.
    Down(usize),
    /// The same, but beside the work that counts.
    Beside(usize),
    /// Datagrams on so many flows.
    Datagrams(usize),
    /// So many connections that do nothing.
    Idle(usize),
    /// So many connections a second.
    ConnectionsAt(f64),
    /// So many exchanges a second on so many connections.
    ExchangesAt(f64, usize),
    /// So many exchanges a second on so many UDP flows.
    DatagramsAt(f64, usize),
}

impl Load {
    /// The loads of a work, one for each thread. `idle` is the number of connections or, for an open loop, `rate` that of
    /// operations in a second.
    pub(crate) fn of(work: Work, threads: usize, idle: usize, rate: f64) -> Vec<Self> {
        let spread = |total: usize, load: fn(usize) -> Self| shares(total, threads).map(load).collect();
        let at = |load: &dyn Fn(f64, usize) -> Self| {
            shares(CONCURRENT, threads)
                .map(|share| load(rate * share as f64 / CONCURRENT as f64, share))
                .collect()
        };
        match work {
            Work::Connections => spread(CONCURRENT, Self::Connections),
            Work::Pingpong => spread(CONCURRENT, Self::Exchanges),
            Work::PingpongOne => vec![Self::Exchanges(1)],
            Work::BulkUp => spread(STREAMS, Self::Up),
            Work::BulkDown => spread(STREAMS, Self::Down),
            Work::Udp => spread(CONCURRENT, Self::Datagrams),
            Work::Idle => vec![Self::Idle(idle)],
            // On a thread of its own, so that exchanges wait for the proxy and not for their client.
            Work::BesideBulk => vec![Self::Exchanges(BESIDE), Self::Beside(STREAMS)],
            Work::OpenConnections => at(&|rate, _| Self::ConnectionsAt(rate)),
            Work::OpenPingpong => at(&Self::ExchangesAt),
            Work::OpenUdp => at(&Self::DatagramsAt),
        }
    }

    /// Runs it against this address until the meter says to stop.
    pub(crate) async fn run(self, address: Ipv4Addr, meter: &Arc<Meter>) -> io::Result<()> {
        let at = |port| SocketAddr::from((address, port));
        match self {
            Self::Connections(tasks) => closed::connections(at(ECHO), tasks, meter).await,
            Self::Exchanges(connections) => closed::exchanges(at(ECHO), connections, meter).await,
            Self::Up(streams) => bulk::up(at(SINK), streams, meter).await,
            Self::Down(streams) => bulk::down(at(SOURCE), streams, Meter::add, meter).await,
            Self::Beside(streams) => bulk::down(at(SOURCE), streams, Meter::add_beside, meter).await,
            Self::Datagrams(flows) => udp::exchanges(at(ECHO), flows, meter).await?,
            Self::Idle(connections) => idle::connections(at(ECHO), connections, meter).await,
            Self::ConnectionsAt(rate) => open::connections(at(ECHO), rate, meter).await?,
            Self::ExchangesAt(rate, connections) => {
                open::exchanges(at(ECHO), rate, connections, meter).await?;
            }
            Self::DatagramsAt(rate, flows) => open::datagrams(at(ECHO), rate, flows, meter).await?,
        }
        Ok(())
    }
}

/// Splits a number into nearly equal parts, none of them zero.
fn shares(total: usize, parts: usize) -> impl Iterator<Item = usize> {
    let parts = parts.clamp(1, total.max(1));
    (0..parts).map(move |part| total / parts + usize::from(part < total % parts))
}

/// Sends a request that carries its time, and waits for the answer.
async fn exchange(stream: &mut TcpStream, since: u64) -> io::Result<()> {
    let mut answer = [0; PAYLOAD];
    stream.write_all(&request(since)).await?;
    stream.read_exact(&mut answer).await?;
    if answer == request(since) {
        Ok(())
    } else {
        Err(io::Error::other("the answer differs from the request"))
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn request(time: u64) -> [u8; PAYLOAD] {
    let mut request = [b'w'; PAYLOAD];
    request[..8].copy_from_slice(&time.to_be_bytes());
    request
}

/// The time that a request carries, which its answer brings back.
fn time_of(answer: &[u8]) -> Option<u64> {
    answer.first_chunk().map(|time| u64::from_be_bytes(*time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_differ_by_one_at_most() {
        assert_eq!(shares(32, 3).collect::<Vec<_>>(), [11, 11, 10]);
        assert_eq!(shares(4, 8).collect::<Vec<_>>(), [1, 1, 1, 1]);
        assert_eq!(shares(32, 1).collect::<Vec<_>>(), [32]);
    }

    #[test]
    fn threads_of_an_open_loop_share_its_rate() {
        let loads = Load::of(Work::OpenPingpong, 2, 0, 1000.0);
        assert_eq!(loads, [Load::ExchangesAt(500.0, 16), Load::ExchangesAt(500.0, 16)]);
    }

    #[test]
    fn an_answer_brings_the_time_of_its_request_back() {
        assert_eq!(time_of(&request(123_456_789)), Some(123_456_789));
        assert_eq!(time_of(b"short"), None);
    }
}
