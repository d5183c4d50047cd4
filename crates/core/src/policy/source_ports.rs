//! From which port does weir speak to an endpoint in a client's name? (semantics M4)
//!
//! The client may use its own port towards the same endpoint directly, now or later. Its own flow must not meet one of
//! weir's, so that weir uses ports which clients hardly ever use for what they begin.

mod counters;
mod range;

use counters::Counter;
pub use counters::{PortCounters, PortSecret};
use range::FIRST_ORDINARY;
pub use range::{NotAPortRange, PortRange};
use std::net::SocketAddr;

/// The most ports tried for one socket. The kernel knows which are in use, and each try costs some microseconds.
const MAX_TRIED: usize = 64;

/// The most ports of one socket that the worker counts on to. What was opened in one go may stay open as long: so many ports
/// in a row in use must not keep clients out.
const MAX_COUNTED: u32 = 4;

/// The ports for sockets that have a client's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePorts {
    /// Ports for clients whose own port is not privileged.
    ordinary: Box<[u16]>,
    /// Ports for the others.
    privileged: Box<[u16]>,
}

impl Default for SourcePorts {
    fn default() -> Self {
        Self::new(&[PortRange::DEFAULT_SOURCES], &[])
    }
}

impl SourcePorts {
    /// The ports of these ranges but the `reserved` ones. Where nothing would be left, reserved ones are used, too.
    pub fn new(ranges: &[PortRange], reserved: &[PortRange]) -> Self {
        let privileged = ports(&[PortRange::PRIVILEGED_SOURCES], reserved);
        Self { ordinary: ports(ranges, reserved), privileged }
    }

    /// The choice of a port for a client towards an endpoint, by the counters of the worker. Privileged if the client's own
    /// port is.
    pub fn choice<'a>(
        &'a self,
        counters: &'a PortCounters,
        client: SocketAddr,
        endpoint: SocketAddr,
    ) -> SourcePortChoice<'a> {
        let is_privileged = (1..FIRST_ORDINARY).contains(&client.port());
        let ports = if is_privileged { &self.privileged } else { &self.ordinary };
        let counter = counters.of(client.ip(), endpoint, ports.len() as u32);
        SourcePortChoice { ports, client: client.port(), counter }
    }
}

/// The ports that a socket may have which speaks to an endpoint in a client's name.
#[derive(Clone, Copy, Debug)]
pub struct SourcePortChoice<'a> {
    ports: &'a [u16],
    /// The client's own port.
    client: u16,
    /// `None` without any ports.
    counter: Option<Counter<'a>>,
}

impl SourcePortChoice<'_> {
    /// Ports to try one after the other: none twice, never the client's own, and no more than is sensible. First those that
    /// were not used for longest; the counter goes on with each of them. Then any, also those of other workers.
    pub fn candidates(self) -> impl Iterator<Item = u16> {
        let Self { ports, client, counter } = self;
        let (first, counted) = counter.map_or((0, 0), |counter| (counter.count(), counted(counter)));
        (0..counted + ports.len() as u32)
            .filter_map(move |step| ports.get(place(counter?, first, step)? as usize).copied())
            .filter(move |port| *port != client)
            .take(MAX_TRIED)
    }
}

/// The number of the worker's own places that are tried.
fn counted(counter: Counter<'_>) -> u32 {
    counter.own.min(MAX_COUNTED)
}

/// The place to try at this step after the count was `first`: some of the worker's own by counting on, then all others in an
/// order that serves only this once, as ports in use are anywhere in it. `None` for those that were tried before.
fn place(counter: Counter<'_>, first: u32, step: u32) -> Option<u32> {
    let counted = counted(counter);
    let own = |step| counter.place(first.wrapping_add(step));
    let Some(other) = step.checked_sub(counted) else {
        counter.advance(first.wrapping_add(step));
        return Some(own(step));
    };
    let other = counter.shuffled(first, other);
    (0..counted).all(|step| own(step) != other).then_some(other)
}

fn ports(ranges: &[PortRange], reserved: &[PortRange]) -> Box<[u16]> {
    let mut all: Vec<u16> = ranges.iter().flat_map(|range| range.first..=range.last).collect();
    all.sort_unstable();
    all.dedup();
    let is_free = |port: &u16| !reserved.iter().any(|range| (range.first..=range.last).contains(port));
    let free: Box<[u16]> = all.iter().copied().filter(is_free).collect();
    if free.is_empty() { all.into() } else { free }
}

#[cfg(test)]
mod tests;
