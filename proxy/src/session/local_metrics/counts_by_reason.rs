//! How often did what happen for which reason, on one worker?

use crate::telemetry::{close_reason::Closed, port_metrics::PortMetrics, port_series::ReasonCount};
use std::cell::RefCell;

/// Counts by reason: few reasons occur.
#[derive(Debug, Default)]
pub(super) struct CountsByReason(RefCell<Vec<(Closed, u64)>>);

impl CountsByReason {
    /// Counts one.
    pub(super) fn add(&self, reason: Closed) {
        let mut counts = self.0.borrow_mut();
        match counts.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => counts.push((reason, 1)),
        }
    }

    /// Moves the counts to those of a Service port.
    pub(super) fn flush(&self, metrics: &PortMetrics, what: ReasonCount) {
        for (reason, count) in self.0.borrow_mut().drain(..) {
            metrics.add_by_reason(what, reason, count);
        }
    }
}
