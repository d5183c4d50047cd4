//! Which metrics does the data plane have?

use weir_core::{
    MetricFamily,
    MetricUnit::{Bytes, UnixSeconds},
};

/// Labels of what belongs to one Service port. Series appear with the port's first client.
const PORT: &[&str] = &["namespace", "service", "port", "protocol"];
const PORT_AND_REASON: &[&str] = &["namespace", "service", "port", "protocol", "reason"];
const PORT_AND_DIRECTION: &[&str] = &["namespace", "service", "port", "protocol", "direction"];

/// Every metric that this crate registers.
pub const METRIC_FAMILIES: &[MetricFamily] = &[
    MetricFamily::counter("weir_connections_opened_total", PORT, "TCP connections accepted"),
    MetricFamily::counter(
        "weir_connections_closed_total",
        PORT_AND_REASON,
        "TCP connections ended, by close reason",
    ),
    MetricFamily::gauge("weir_connections_active", PORT, "TCP connections accepted and not ended"),
    MetricFamily::gauge(
        "weir_connections_limit",
        &[],
        "TCP connections that may be open (--max-connections)",
    ),
    MetricFamily::counter(
        "weir_rejected_total",
        PORT_AND_REASON,
        "TCP connections and UDP flows refused at a limit, by reason",
    ),
    MetricFamily::counter(
        "weir_accepts_delayed_total",
        PORT,
        "TCP clients that waited because of the accept rate (weir.dev/accept-rate)",
    ),
    MetricFamily::counter("weir_udp_flows_opened_total", PORT, "UDP flows begun"),
    MetricFamily::counter("weir_udp_flows_closed_total", PORT_AND_REASON, "UDP flows ended, by close reason"),
    MetricFamily::gauge("weir_udp_flows", PORT, "UDP flows begun and not ended"),
    MetricFamily::counter(
        "weir_udp_datagrams_total",
        PORT_AND_DIRECTION,
        "Datagrams relayed, by direction (to_endpoint, to_client)",
    ),
    MetricFamily::counter("weir_udp_datagrams_dropped_total", PORT, "Datagrams that could not be relayed"),
    MetricFamily::counter(
        "weir_bytes_total",
        PORT_AND_DIRECTION,
        "Payload relayed, by direction (to_endpoint, to_client)",
    )
    .in_unit(Bytes),
    MetricFamily::durations(
        "weir_connect_duration_seconds",
        &[],
        "Time of an attempt to connect until the endpoint accepted",
    ),
    MetricFamily::counter(
        "weir_connect_attempts_total",
        &["result"],
        "Attempts to connect to an endpoint, by result (connected, or the close reason of a failure)",
    ),
    MetricFamily::counter(
        "weir_connects_hedged_total",
        &[],
        "Attempts to connect begun while an earlier one had no answer yet",
    ),
    MetricFamily::counter(
        "weir_connects_retried_total",
        &[],
        "Attempts to connect begun after all earlier ones of the client had failed",
    ),
    MetricFamily::gauge(
        "weir_queue_waiting",
        &[],
        "TCP clients that wait because every endpoint is at its limit (weir.dev/max-connections-per-endpoint)",
    ),
    MetricFamily::counter(
        "weir_endpoint_ejections_total",
        &[],
        "Ejections of endpoints because connects to them kept failing, or because they ended connections at once",
    ),
    MetricFamily::counter(
        "weir_health_checks_total",
        &["result"],
        "Active checks of endpoints, by result (succeeded, refused, unreachable, timed_out, reset, local_limit)",
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
