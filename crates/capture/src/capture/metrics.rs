//! What do operators see of the rules?

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

/// Handles of the metrics `weir_capture_*`.
#[derive(Debug)]
pub(crate) struct CaptureMetrics {
    pub(crate) transactions: Counter,
    pub(crate) failures: Counter,
    pub(crate) repairs: Counter,
    pub(crate) elements: Gauge,
}

impl CaptureMetrics {
    pub(crate) fn new() -> Self {
        describe_counter!("weir_capture_transactions_total", "Changes of nftables rules that were made");
        describe_counter!(
            "weir_capture_failures_total",
            "Changes of nftables rules or policy routes that failed; each is tried again"
        );
        describe_counter!(
            "weir_capture_repairs_total",
            "Times that rules or policy routes were written anew because somebody else had changed them"
        );
        describe_gauge!("weir_capture_elements", "Elements of the sets of table inet weir");
        Self {
            transactions: counter!("weir_capture_transactions_total"),
            failures: counter!("weir_capture_failures_total"),
            repairs: counter!("weir_capture_repairs_total"),
            elements: gauge!("weir_capture_elements"),
        }
    }

    /// Keeps the series in the registry, which drops series that nobody touches.
    pub(crate) fn keep_alive(&self) {
        for counter in [&self.transactions, &self.failures, &self.repairs] {
            counter.increment(0);
        }
        self.elements.increment(0.0);
    }
}
