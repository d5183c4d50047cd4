//! Which metrics does the data plane have that belong to no Service port?

use weir_core::{
    MetricFamily,
    MetricUnit::{Bytes, UnixSeconds},
};

/// Every metric that this crate registers with the recorder of the crate `metrics`.
pub const METRIC_FAMILIES: &[MetricFamily] = &[
    MetricFamily::gauge(
        "weir_connections_limit",
        &[],
        "TCP connections that may be open (--max-connections)",
    ),
    MetricFamily::gauge("weir_endpoints_down", &[], "Endpoints that active checks find down"),
    MetricFamily::counter(
        "weir_accept_errors_total",
        &[],
        "Accepts that failed for want of descriptors or memory",
    ),
    MetricFamily::gauge("weir_descriptors_limit", &[], "File descriptors that the data plane may have open"),
    MetricFamily::gauge("weir_descriptors_used", &[], "File descriptors that the data plane has open"),
    MetricFamily::gauge(
        "weir_relay_memory_bytes",
        &[],
        "Bytes that relays have read and cannot write yet (--relay-memory)",
    )
    .in_unit(Bytes),
    MetricFamily::gauge(
        "weir_frontends",
        &["state"],
        "Service addresses, by state (listening, failed, no_endpoints)",
    ),
    MetricFamily::counter(
        "weir_node_ports_taken_over_total",
        &[],
        "Node ports served although a process of this host listened there before",
    ),
    MetricFamily::durations("weir_sync_duration_seconds", &[], "Time to apply a Snapshot to the data plane"),
    MetricFamily::gauge("weir_sync_last_timestamp_seconds", &[], "Time when a Snapshot was last applied")
        .in_unit(UnixSeconds),
];
