//! Which metrics does capturing have?

use weir_core::MetricFamily;

pub(crate) const TRANSACTIONS: MetricFamily =
    MetricFamily::counter("weir_capture_transactions_total", &[], "Changes of nftables rules that were made");
pub(crate) const FAILURES: MetricFamily = MetricFamily::counter(
    "weir_capture_failures_total",
    &[],
    "Changes of nftables rules or policy routes that failed; each is tried again",
);
pub(crate) const REPAIRS: MetricFamily = MetricFamily::counter(
    "weir_capture_repairs_total",
    &[],
    "Times that rules or policy routes were written anew because another program had changed them",
);
pub(crate) const ELEMENTS: MetricFamily =
    MetricFamily::gauge("weir_capture_elements", &[], "Elements of the sets of table inet weir");

/// Every metric that this crate registers.
pub const METRIC_FAMILIES: &[MetricFamily] = &[TRANSACTIONS, FAILURES, REPAIRS, ELEMENTS];
