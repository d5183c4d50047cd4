//! What do operators see of the rules?

use super::metric_families::{ELEMENTS, FAILURES, FORWARDING, REPAIRS, TRANSACTIONS};
use metrics::{Counter, Gauge, counter, gauge};

/// Handles of the metrics `weir_capture_*`.
#[derive(Debug)]
pub(crate) struct CaptureMetrics {
    pub(crate) transactions: Counter,
    pub(crate) failures: Counter,
    pub(crate) repairs: Counter,
    pub(crate) elements: Gauge,
    pub(crate) forwarding: Gauge,
}

impl CaptureMetrics {
    pub(crate) fn new() -> Self {
        Self {
            transactions: counter!(TRANSACTIONS.name),
            failures: counter!(FAILURES.name),
            repairs: counter!(REPAIRS.name),
            elements: gauge!(ELEMENTS.name),
            forwarding: gauge!(FORWARDING.name),
        }
    }
}
