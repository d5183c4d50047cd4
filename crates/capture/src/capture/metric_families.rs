//! Which metrics does capturing have?

use weir_core::MetricFamily;

pub(super) const TRANSACTIONS: MetricFamily =
    MetricFamily::counter("weir_capture_transactions_total", &[], "Changes of nftables rules that were made");
pub(super) const FAILURES: MetricFamily = MetricFamily::counter(
    "weir_capture_failures_total",
    &[],
    "Changes of nftables rules or policy routes that failed; each is tried again",
);
pub(super) const REPAIRS: MetricFamily = MetricFamily::counter(
    "weir_capture_repairs_total",
    &[],
    "Times that rules or policy routes were written anew because another program had changed them",
);
pub(super) const ELEMENTS: MetricFamily =
    MetricFamily::gauge("weir_capture_elements", &[], "Elements of the sets of table inet weir");

pub(super) const FORWARDING: MetricFamily = MetricFamily::gauge(
    "weir_capture_forwarding",
    &[],
    "1 while packets to endpoints take the way of forwarded packets, where NetworkPolicy and forward firewalls judge them; \
     else 0",
);

/// Every metric that this crate registers.
pub const METRIC_FAMILIES: &[MetricFamily] = &[TRANSACTIONS, FAILURES, REPAIRS, ELEMENTS, FORWARDING];
