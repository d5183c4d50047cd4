//! Which works are measured, and in which units?

use clap::ValueEnum;
use serde::Serialize;

/// Connections, requests and flows that are in progress at a time.
pub(crate) const CONCURRENT: usize = 32;
/// Connections of the work that runs beside bulk transfers.
pub(crate) const BESIDE: usize = 8;
/// Datagrams of one UDP flow that are on the way.
pub(crate) const OUTSTANDING: usize = 8;
/// Streams of bulk transfers.
pub(crate) const STREAMS: usize = 4;

/// A kind of work that clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// Open, 64 bytes each way, close; 32 at a time
    Connections,
    /// 64 bytes each way, on 32 connections
    Pingpong,
    /// 64 bytes each way, on one connection
    #[value(name = "pingpong-1")]
    #[serde(rename = "pingpong-1")]
    PingpongOne,
    /// Four streams to the endpoints
    BulkUp,
    /// Four streams from the endpoints
    BulkDown,
    /// 64 bytes each way, on 32 flows with 8 datagrams on the way each
    Udp,
    /// 64 bytes each way, on one flow, one datagram at a time
    #[value(name = "udp-1")]
    #[serde(rename = "udp-1")]
    UdpOne,
    /// Memory of the proxy for one idle connection
    Idle,
    /// 64 bytes each way on 8 connections, beside four streams from the endpoints
    BesideBulk,
    /// Connections at half the rate that every proxy reached
    OpenConnections,
    /// Exchanges on 32 connections at half the rate that every proxy reached
    OpenPingpong,
    /// Exchanges on 32 UDP flows at half the rate that every proxy reached
    OpenUdp,
}

impl Work {
    /// All works, in the order of the report: a work that sets a rate comes before the one that uses the rate.
    pub(crate) const ALL: [Self; 12] = [
        Self::Connections,
        Self::Pingpong,
        Self::PingpongOne,
        Self::BulkUp,
        Self::BulkDown,
        Self::Udp,
        Self::UdpOne,
        Self::Idle,
        Self::BesideBulk,
        Self::OpenConnections,
        Self::OpenPingpong,
        Self::OpenUdp,
    ];

    /// Name of the work in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "TCP connections",
            Self::Pingpong => "TCP exchanges, 32 connections",
            Self::PingpongOne => "TCP exchanges, 1 connection",
            Self::BulkUp => "TCP bulk to the endpoints",
            Self::BulkDown => "TCP bulk from the endpoints",
            Self::Udp => "UDP exchanges, 32 flows x 8",
            Self::UdpOne => "UDP exchanges, 1 flow x 1",
            Self::Idle => "memory of an idle connection",
            Self::BesideBulk => "TCP exchanges beside bulk",
            Self::OpenConnections => "TCP connections, fixed rate",
            Self::OpenPingpong => "TCP exchanges, fixed rate",
            Self::OpenUdp => "UDP exchanges, fixed rate",
        }
    }

    /// Name of the work on the command line.
    pub(crate) fn argument(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Unit of the figures.
    pub(crate) const fn unit(self) -> Unit {
        match self {
            Self::BulkUp | Self::BulkDown => Unit::Bytes,
            Self::Idle => Unit::Memory,
            _ => Unit::Operations,
        }
    }

    /// The work whose rate this one takes half of.
    pub(crate) const fn closed(self) -> Option<Self> {
        match self {
            Self::OpenConnections => Some(Self::Connections),
            Self::OpenPingpong => Some(Self::Pingpong),
            Self::OpenUdp => Some(Self::Udp),
            _ => None,
        }
    }

    /// The units of the figures, as text.
    pub(crate) fn units(self) -> String {
        let unit = self.unit();
        if self.has_cpu() { format!("{} ({})", unit.value(), unit.cpu()) } else { unit.value().into() }
    }

    /// Processor time beside bulk transfers is mostly theirs, and belongs to no exchange.
    pub(crate) const fn has_cpu(self) -> bool {
        !matches!(self, Self::BesideBulk | Self::Idle)
    }
}

/// The unit of a work's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Operations a second; microseconds of processor time each.
    Operations,
    /// Gigabits a second; seconds of processor time for 10^9 bytes.
    Bytes,
    /// Bytes of memory.
    Memory,
}

impl Unit {
    /// The unit of the main figure.
    pub(crate) const fn value(self) -> &'static str {
        match self {
            Self::Operations => "1/s",
            Self::Bytes => "Gb/s",
            Self::Memory => "bytes",
        }
    }

    /// The unit of processor time.
    pub(crate) const fn cpu(self) -> &'static str {
        match self {
            Self::Operations => "CPU µs each",
            Self::Bytes => "CPU s/GB",
            Self::Memory => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sets_a_rate_is_measured_before_what_uses_it() {
        for (position, work) in Work::ALL.iter().enumerate() {
            if let Some(closed) = work.closed() {
                assert!(Work::ALL[..position].contains(&closed), "{work:?}");
            }
        }
    }
}
