//! Which connections of a worker ended last? For operators; nothing is allocated or locked for one that ends.

use crate::{
    shared::{
        command::ClosedSlice,
        connection_info::{ConnectionEnd, ConnectionId, ConnectionInfo, ServedPort},
    },
    telemetry::close_reason::Closed,
};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    rc::Rc,
    time::{Duration, Instant},
};
use weir_core::Flow;

/// Connections of the process that are remembered after their end.
pub(crate) const CLOSED_CONNECTIONS: usize = 4096;

/// The fewest that a worker remembers.
const MIN_OF_WORKER: usize = 256;

/// A connection that has ended. Its Service port is the worker's own copy: counting a reference that all workers share would
/// cost each end something.
pub(crate) struct ClosedConnection {
    pub(crate) number: u64,
    pub(crate) port: Rc<ServedPort>,
    pub(crate) flow: Flow,
    pub(crate) via: Option<IpAddr>,
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) opened: Instant,
    pub(crate) closed: Instant,
    pub(crate) connect_micros: Option<NonZeroU32>,
    pub(crate) attempts: u8,
    pub(crate) reason: Closed,
    pub(crate) to_endpoint: u64,
    pub(crate) to_client: u64,
}

/// The connections that ended last on one worker.
pub(crate) struct ClosedRing {
    slots: Vec<ClosedConnection>,
    capacity: usize,
    /// Connections that have ended so far: the next one goes into the slot of that number.
    ended: u64,
}

impl ClosedRing {
    /// Creates the ring of one of `workers`. The kernel spreads connections evenly; a worker has room for twice its share.
    pub(crate) fn new(workers: usize) -> Self {
        let share = (2 * CLOSED_CONNECTIONS).div_ceil(workers.max(1));
        let capacity = share.clamp(MIN_OF_WORKER, CLOSED_CONNECTIONS);
        // Memory that is not used yet takes none of the machine's.
        Self { slots: Vec::with_capacity(capacity), capacity, ended: 0 }
    }

    /// Remembers a connection in place of the oldest.
    pub(crate) fn push(&mut self, connection: ClosedConnection) {
        let slot = (self.ended % self.capacity as u64) as usize;
        self.ended += 1;
        match self.slots.get_mut(slot) {
            Some(oldest) => *oldest = connection,
            None => self.slots.push(connection),
        }
    }

    /// Copies at most `max` connections, beginning with number `from` of those that have ended, or the oldest one that is known.
    pub(crate) fn slice(&self, worker: u16, from: u64, max: usize) -> ClosedSlice {
        let oldest = self.ended - self.slots.len() as u64;
        let first = from.clamp(oldest, self.ended);
        let next = self.ended.min(first + max as u64);
        let slot = |number: u64| self.slots.get((number % self.capacity as u64) as usize);
        let connections = (first..next).filter_map(slot).map(|closed| closed.info(worker)).collect();
        ClosedSlice { connections, first, next, ended: self.ended }
    }
}

impl ClosedConnection {
    fn info(&self, worker: u16) -> ConnectionInfo {
        ConnectionInfo {
            id: ConnectionId { worker, number: self.number },
            flow: self.flow,
            port: self.port.key.clone(),
            port_number: self.port.number,
            via: self.via,
            endpoint: self.endpoint,
            opened: self.opened,
            last_active: self.closed,
            connect_time: self.connect_micros.map(|micros| Duration::from_micros(micros.get().into())),
            attempts: self.attempts,
            to_endpoint: self.to_endpoint,
            to_client: self.to_client,
            end: Some(ConnectionEnd { at: self.closed, reason: self.reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU16;
    use weir_core::{PortKey, Protocol, ServiceKey};

    fn closed(number: u64) -> ClosedConnection {
        let service = ServiceKey::new("default", "web");
        let key = PortKey { service, name: "".into(), protocol: Protocol::Tcp };
        let address = SocketAddr::from(([10, 0, 0, 1], 80));
        let now = Instant::now();
        ClosedConnection {
            number,
            port: Rc::new(ServedPort { key, number: NonZeroU16::MIN }),
            flow: Flow { protocol: Protocol::Tcp, client: address, frontend: address },
            via: None,
            endpoint: None,
            opened: now,
            closed: now,
            connect_micros: None,
            attempts: 0,
            reason: Closed::Finished,
            to_endpoint: 0,
            to_client: 0,
        }
    }

    fn numbers(slice: &ClosedSlice) -> Vec<u64> {
        slice.connections.iter().map(|connection| connection.id.number).collect()
    }

    #[test]
    fn the_last_ones_are_kept_and_read_in_slices_from_the_oldest() {
        let mut ring = ClosedRing::new(64);
        assert_eq!((ring.capacity, numbers(&ring.slice(0, 0, 10))), (256, vec![]));
        (0..300).for_each(|number| ring.push(closed(number)));
        let slice = ring.slice(7, 0, 2);
        assert_eq!((numbers(&slice), slice.first, slice.next, slice.ended), (vec![44, 45], 44, 46, 300));
        assert_eq!(slice.connections[0].id.worker, 7);
        assert_eq!(numbers(&ring.slice(0, 298, 10)), [298, 299]);
        assert_eq!(numbers(&ring.slice(0, 1_000, 10)), [0; 0], "nothing has ended since");
    }

    #[test]
    fn nothing_is_allocated_for_a_connection_that_ends() {
        let mut ring = ClosedRing::new(1);
        let capacity = ring.slots.capacity();
        (0..10_000).for_each(|number| ring.push(closed(number)));
        assert_eq!((ring.slots.capacity(), ring.slots.len()), (capacity, CLOSED_CONNECTIONS));
    }
}
