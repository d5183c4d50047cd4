//! What does one worker count of the TCP connections of one Service port?

use super::counts_by_reason::CountsByReason;
use crate::telemetry::{
    histogram::{CONNECT_TIMES, CONNECTIONS, LocalHistogram},
    port_metrics::PortMetrics,
    port_series::{PortCount, ReasonCount},
};
use std::cell::Cell;

/// One worker's counts of attempts to connect, and of durations, since the last flush.
#[derive(Debug)]
pub(super) struct LocalConnects {
    /// Times until endpoints accepted.
    pub(super) connect_times: LocalHistogram,
    /// Durations of connections.
    pub(super) durations: LocalHistogram,
    /// Attempts to connect that failed.
    pub(super) failed: CountsByReason,
    /// Attempts begun after all earlier ones had failed.
    pub(super) retried: Cell<u64>,
    /// Attempts begun while an earlier one had no answer yet.
    pub(super) hedged: Cell<u64>,
}

impl Default for LocalConnects {
    fn default() -> Self {
        Self {
            connect_times: LocalHistogram::new(CONNECT_TIMES),
            durations: LocalHistogram::new(CONNECTIONS),
            failed: CountsByReason::default(),
            retried: Cell::default(),
            hedged: Cell::default(),
        }
    }
}

impl LocalConnects {
    pub(super) fn flush(&self, metrics: &PortMetrics) {
        metrics.flush_connect_times(&self.connect_times);
        metrics.flush_durations(&self.durations);
        metrics.add(PortCount::Retried, self.retried.take());
        metrics.add(PortCount::Hedged, self.hedged.take());
        self.failed.flush(metrics, ReasonCount::NotConnected);
    }
}
