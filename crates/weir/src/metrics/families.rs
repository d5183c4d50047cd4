//! Which metrics are there? Those of the program itself, and those of all its crates.

use weir_core::{
    MetricFamily,
    MetricUnit::{Bytes, Seconds, UnixSeconds},
};

pub(super) const BUILD_INFO: MetricFamily =
    MetricFamily::gauge("weir_build_info", &["version"], "1, with the version of weir as a label");
pub(super) const ENDPOINTS: MetricFamily = MetricFamily::gauge(
    "weir_endpoints",
    &["namespace", "service", "port", "protocol", "family", "traffic"],
    "Endpoints that new flows can get, by kind of traffic (cluster, local); there is a series for every Service port",
);
pub(super) const PROPAGATION: MetricFamily = MetricFamily::durations(
    "weir_endpoint_propagation_seconds",
    &["from"],
    "Time until a change of endpoints is served, in node mode by the rules too, from its cause (trigger) or from its \
     receipt by weir (receipt)",
);
pub(crate) const HEALTH_CHECK_PORTS: MetricFamily = MetricFamily::gauge(
    "weir_health_check_ports",
    &["state"],
    "Health-check node ports, by whether they could be opened (open, failed)",
);
pub(crate) const HEALTH_CHECK_FAILURES: MetricFamily = MetricFamily::counter(
    "weir_health_check_bind_failures_total",
    &[],
    "Failed attempts to open a health-check node port",
);

pub(crate) const CONNECTION_LOG_LINES: MetricFamily = MetricFamily::counter(
    "weir_connection_log_lines_total",
    &[],
    "Lines of the connection log that were written (--connection-log)",
);
pub(crate) const CONNECTION_LOG_LOST: MetricFamily = MetricFamily::counter(
    "weir_connection_log_lost_total",
    &["reason"],
    "Lines of the connection log that were not written: beyond --connection-log-rate (rate), because writing did not keep up \
     (room), or because it failed (failed)",
);

pub(crate) const HEALTHZ: MetricFamily =
    MetricFamily::counter("kubeproxy_proxy_healthz_total", &["code"], "Answers of /healthz, by HTTP status");
pub(crate) const LIVEZ: MetricFamily =
    MetricFamily::counter("kubeproxy_proxy_livez_total", &["code"], "Answers of /livez, by HTTP status");
pub(super) const NETWORK_PROGRAMMING: MetricFamily = MetricFamily::durations(
    "kubeproxy_network_programming_duration_seconds",
    &["ip_family"],
    "Time until a change of endpoints is served, from its cause",
);
pub(super) const NO_LOCAL_ENDPOINTS: MetricFamily = MetricFamily::untyped(
    "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
    &["traffic_policy", "ip_family"],
    "Service ports with traffic policy Local whose endpoints are all on other nodes, by policy (internal, external)",
);

pub(super) const SYNC: MetricFamily = MetricFamily::durations(
    "kubeproxy_sync_proxy_rules_duration_seconds",
    &["ip_family"],
    "Time from the publication of a Snapshot until it is served, in node mode by the rules too",
);
pub(super) const LEFT_OUT: MetricFamily = MetricFamily::gauge(
    "weir_metrics_left_out",
    &["what", "reason"],
    "Services and endpoints without series, by what they are (service, endpoint) and by reason: name \
     (--metrics-services), or limit (Services in use by --metrics-max-services; 10000 endpoints)",
);
pub(super) const WORKER_BUSY: MetricFamily = MetricFamily::counter(
    "weir_worker_busy_seconds_total",
    &["worker"],
    "Time for which a worker thread has worked, and not waited for events",
)
.in_unit(Seconds);
pub(super) const CPU: MetricFamily = MetricFamily::counter(
    "process_cpu_seconds_total",
    &[],
    "Processor time of this process, in user and kernel mode",
)
.in_unit(Seconds);
pub(super) const RESIDENT: MetricFamily =
    MetricFamily::gauge("process_resident_memory_bytes", &[], "Resident memory of this process")
        .in_unit(Bytes);
pub(super) const VIRTUAL: MetricFamily =
    MetricFamily::gauge("process_virtual_memory_bytes", &[], "Virtual memory of this process").in_unit(Bytes);
pub(super) const THREADS: MetricFamily =
    MetricFamily::gauge("process_threads", &[], "Threads of this process");
pub(super) const OPEN_FDS: MetricFamily =
    MetricFamily::gauge("process_open_fds", &[], "File descriptors that this process has open");
pub(super) const MAX_FDS: MetricFamily =
    MetricFamily::gauge("process_max_fds", &[], "File descriptors that this process may have open");
pub(super) const START: MetricFamily =
    MetricFamily::gauge("process_start_time_seconds", &[], "Time when this process began")
        .in_unit(UnixSeconds);

/// Metrics that the program registers itself.
pub const METRIC_FAMILIES: &[MetricFamily] = &[
    BUILD_INFO,
    ENDPOINTS,
    PROPAGATION,
    HEALTH_CHECK_PORTS,
    HEALTH_CHECK_FAILURES,
    CONNECTION_LOG_LINES,
    CONNECTION_LOG_LOST,
    HEALTHZ,
    LIVEZ,
    NETWORK_PROGRAMMING,
    NO_LOCAL_ENDPOINTS,
    SYNC,
    LEFT_OUT,
    WORKER_BUSY,
    CPU,
    RESIDENT,
    VIRTUAL,
    THREADS,
    OPEN_FDS,
    MAX_FDS,
    START,
];

/// All metrics that a scrape may show.
pub fn all_families() -> impl Iterator<Item = &'static MetricFamily> {
    let tables = [
        METRIC_FAMILIES,
        weir_proxy::METRIC_FAMILIES,
        weir_control::METRIC_FAMILIES,
        weir_capture::METRIC_FAMILIES,
    ];
    let ports = weir_proxy::PORT_FAMILIES.iter().map(|port| &port.family);
    let endpoints = weir_proxy::ENDPOINT_FAMILIES.iter().map(|endpoint| &endpoint.family);
    tables.into_iter().flatten().chain(ports).chain(endpoints)
}
