//! How much has a Service port served so far? Numbers that can be read, beside the metrics that can only be written.

use super::close_reason::Closed;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of one Service port since its first client. Workers add to them once a second.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    opened: AtomicU64,
    closed: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
    to_endpoint: AtomicU64,
    to_client: AtomicU64,
    datagrams_to_endpoint: AtomicU64,
    datagrams_to_client: AtomicU64,
    dropped: AtomicU64,
}

/// What a Service port has served since its first client, up to a second ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortTotals {
    /// Connections or flows that were begun.
    pub opened: u64,
    /// Connections or flows that ended.
    pub closed: u64,
    /// Those that ended before an endpoint served them, or because one failed.
    pub failed: u64,
    /// Clients that were refused at a limit.
    pub rejected: u64,
    /// Bytes to endpoints.
    pub to_endpoint: u64,
    /// Bytes to clients.
    pub to_client: u64,
    /// Datagrams to endpoints.
    pub datagrams_to_endpoint: u64,
    /// Datagrams to clients.
    pub datagrams_to_client: u64,
    /// Datagrams that could not be relayed.
    pub dropped: u64,
}

impl Totals {
    /// Adds what was counted since the last time.
    pub(crate) fn add(&self, counted: &PortTotals) {
        let pairs = [
            (&self.opened, counted.opened),
            (&self.closed, counted.closed),
            (&self.failed, counted.failed),
            (&self.rejected, counted.rejected),
            (&self.to_endpoint, counted.to_endpoint),
            (&self.to_client, counted.to_client),
            (&self.datagrams_to_endpoint, counted.datagrams_to_endpoint),
            (&self.datagrams_to_client, counted.datagrams_to_client),
            (&self.dropped, counted.dropped),
        ];
        for (total, count) in pairs.into_iter().filter(|(_, count)| *count > 0) {
            total.fetch_add(count, Relaxed);
        }
    }

    /// What was counted so far.
    pub(crate) fn read(&self) -> PortTotals {
        let of = |total: &AtomicU64| total.load(Relaxed);
        PortTotals {
            opened: of(&self.opened),
            closed: of(&self.closed),
            failed: of(&self.failed),
            rejected: of(&self.rejected),
            to_endpoint: of(&self.to_endpoint),
            to_client: of(&self.to_client),
            datagrams_to_endpoint: of(&self.datagrams_to_endpoint),
            datagrams_to_client: of(&self.datagrams_to_client),
            dropped: of(&self.dropped),
        }
    }
}

impl PortTotals {
    /// Connections or flows that are open.
    pub fn active(&self) -> u64 {
        self.opened.saturating_sub(self.closed)
    }

    /// Counts connections or flows that ended for a reason.
    pub(crate) fn end(&mut self, reason: Closed, count: u64) {
        self.closed += count;
        if reason.is_failure() {
            self.failed += count;
        }
    }
}

impl std::ops::AddAssign for PortTotals {
    fn add_assign(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.failed += other.failed;
        self.rejected += other.rejected;
        self.to_endpoint += other.to_endpoint;
        self.to_client += other.to_client;
        self.datagrams_to_endpoint += other.datagrams_to_endpoint;
        self.datagrams_to_client += other.datagrams_to_client;
        self.dropped += other.dropped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_read_and_failures_are_among_those_that_ended() {
        let totals = Totals::default();
        let mut counted = PortTotals { opened: 5, to_client: 7, ..PortTotals::default() };
        counted.end(Closed::Finished, 2);
        counted.end(Closed::ConnectRefused, 1);
        totals.add(&counted);
        totals.add(&PortTotals { rejected: 1, ..PortTotals::default() });
        let read = totals.read();
        assert_eq!((read.opened, read.closed, read.failed, read.rejected), (5, 3, 1, 1));
        assert_eq!((read.to_client, read.active()), (7, 2));
    }
}
