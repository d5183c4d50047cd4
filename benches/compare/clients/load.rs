//! Which load does each thread of clients make?

use super::{bulk, closed, idle, open, udp};
use crate::{
    bed::network::{ECHO, SINK, SOURCE},
    meter::Meter,
    work::{BESIDE, CONCURRENT, OUTSTANDING, STREAMS, Work},
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

/// The load that one thread of clients makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// Connections, one after the other, in a number of tasks.
    Connections(usize),
    /// Exchanges, one after the other, on a number of connections.
    Exchanges(usize),
    /// A number of streams to the endpoints.
    Up(usize),
    /// A number of streams from the endpoints, which count as work.
    Down(usize),
    /// A number of streams from the endpoints, beside the work that counts.
    Beside(usize),
    /// Datagrams on a number of flows, so many of each on the way at a time.
    Datagrams(usize, usize),
    /// A number of connections that do nothing.
    Idle(usize),
    /// So many connections a second.
    ConnectionsAt(f64),
    /// A rate of exchanges (1/s) on a number of connections.
    ExchangesAt(f64, usize),
    /// A rate of exchanges (1/s) on a number of UDP flows.
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
            Work::Udp => spread(CONCURRENT, |flows| Self::Datagrams(flows, OUTSTANDING)),
            Work::UdpOne => vec![Self::Datagrams(1, 1)],
            Work::Idle => vec![Self::Idle(idle)],
            // On a thread of its own, so that exchanges wait for the proxy and not for their client.
            Work::BesideBulk => vec![Self::Exchanges(BESIDE), Self::Beside(STREAMS)],
            Work::OpenConnections => at(&|rate, _| Self::ConnectionsAt(rate)),
            Work::OpenPingpong => at(&Self::ExchangesAt),
            Work::OpenUdp => at(&Self::DatagramsAt),
        }
    }

    /// Makes the load against this address until the meter is stopped.
    pub(crate) async fn run(self, address: Ipv4Addr, meter: &Arc<Meter>) -> io::Result<()> {
        let at = |port| SocketAddr::from((address, port));
        match self {
            Self::Connections(tasks) => closed::connections(at(ECHO), tasks, meter).await,
            Self::Exchanges(connections) => closed::exchanges(at(ECHO), connections, meter).await,
            Self::Up(streams) => bulk::up(at(SINK), streams, meter).await,
            Self::Down(streams) => bulk::down(at(SOURCE), streams, Meter::add, meter).await,
            Self::Beside(streams) => bulk::down(at(SOURCE), streams, Meter::add_beside, meter).await,
            Self::Datagrams(flows, outstanding) => {
                udp::exchanges(at(ECHO), flows, outstanding, meter).await?;
            }
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
}
