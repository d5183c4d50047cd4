//! Which metrics does the control plane have?

use weir_core::{
    MetricFamily,
    MetricUnit::{Bytes, UnixSeconds},
};

pub(crate) const EVENTS: MetricFamily = MetricFamily::counter(
    "weir_control_events_total",
    &["kind"],
    "Objects that were added, changed or deleted, by kind (Service, EndpointSlice, Node, ServiceCIDR)",
);
pub(crate) const PROBLEMS: MetricFamily = MetricFamily::counter(
    "weir_control_problems_total",
    &["kind"],
    "Parts of objects that could not be used, by kind of object; of files by kind manifest",
);
pub(crate) const LEFT_OUT: MetricFamily = MetricFamily::counter(
    "weir_control_left_out_total",
    &["reason"],
    "Services and EndpointSlices that are read and not served, by reason (headless, no_cluster_ip, external_name, \
     other_proxy, no_ports, no_service_name, no_ip_addresses, no_service)",
);
pub(crate) const WATCH_ERRORS: MetricFamily = MetricFamily::counter(
    "weir_control_watch_errors_total",
    &["kind", "reason"],
    "Failed lists and watches, each retried, by kind and reason (unauthorized, forbidden, not-found, expired, refused, \
     unreachable, tls, broken)",
);
pub(crate) const CONNECTED: MetricFamily =
    MetricFamily::gauge("weir_control_connected", &["kind"], "1 while the watch of a kind is established");
pub(crate) const OUTAGE_SINCE: MetricFamily = MetricFamily::gauge(
    "weir_api_server_away_since_timestamp_seconds",
    &[],
    "Time since when Services or EndpointSlices are not watched; 0 while both are",
)
.in_unit(UnixSeconds);
pub(crate) const GENERATION: MetricFamily = MetricFamily::gauge(
    "weir_snapshot_generation",
    &[],
    "Generation of the Snapshot that was published last",
);
pub(crate) const REFUSED_ENDPOINTS: MetricFamily = MetricFamily::counter(
    "weir_endpoints_refused_total",
    &["reason"],
    "Endpoints that guards refused, by reason",
);
pub(crate) const REFUSED_FRONTENDS: MetricFamily = MetricFamily::counter(
    "weir_frontends_refused_total",
    &["reason"],
    "Service addresses that guards refused, by reason",
);
pub(crate) const UNCLEAR_PROPAGATION: MetricFamily = MetricFamily::counter(
    "weir_endpoint_propagation_unclear_total",
    &["reason"],
    "Changes of endpoints whose propagation time is too short (clock_differs) or left out (too_many), by reason",
);
pub(crate) const STATE_SAVED: MetricFamily = MetricFamily::gauge(
    "weir_state_saved_timestamp_seconds",
    &[],
    "Time when the state on disk was saved; 0 while there is none of this weir",
)
.in_unit(UnixSeconds);
pub(crate) const STATE_SAVES: MetricFamily = MetricFamily::counter(
    "weir_state_saves_total",
    &["result"],
    "Attempts to save the state, by result (ok, failed, in_use by another weir)",
);
pub(crate) const STATE_BYTES: MetricFamily =
    MetricFamily::gauge("weir_state_bytes", &[], "Size of the state on disk").in_unit(Bytes);

pub(crate) const SERVICE_EVENTS: MetricFamily = MetricFamily::counter(
    "weir_control_service_events_total",
    &["result"],
    "Kubernetes Events about Services, by result (created, repeated as a series, known to the API server already, forbidden, \
     failed, dropped for lack of room)",
);

pub(crate) const SERVICE_CHANGES: MetricFamily = MetricFamily::counter(
    "kubeproxy_sync_proxy_rules_service_changes_total",
    &[],
    "Services that were added, changed or deleted",
);
pub(crate) const SERVICE_CHANGES_PENDING: MetricFamily = MetricFamily::gauge(
    "kubeproxy_sync_proxy_rules_service_changes_pending",
    &[],
    "Changes of Services that are in no Snapshot yet",
);
pub(crate) const ENDPOINT_CHANGES: MetricFamily = MetricFamily::counter(
    "kubeproxy_sync_proxy_rules_endpoint_changes_total",
    &[],
    "EndpointSlices that were added, changed or deleted",
);
pub(crate) const ENDPOINT_CHANGES_PENDING: MetricFamily = MetricFamily::gauge(
    "kubeproxy_sync_proxy_rules_endpoint_changes_pending",
    &[],
    "Changes of EndpointSlices that are in no Snapshot yet",
);
pub(crate) const LAST_QUEUED: MetricFamily = MetricFamily::gauge(
    "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
    &["ip_family"],
    "Time when the last change of a Service or EndpointSlice came",
)
.in_unit(UnixSeconds);

pub(crate) const REQUESTS: MetricFamily = MetricFamily::counter(
    "rest_client_requests_total",
    &["code", "method", "host"],
    "Requests to the API server, by HTTP status (<error> without an answer), method and host",
);
pub(crate) const REQUEST_DURATION: MetricFamily = MetricFamily::durations(
    "rest_client_request_duration_seconds",
    &["verb", "host"],
    "Time until the API server begins to answer a request, by method and host",
);

/// Every metric that this crate registers.
pub const METRIC_FAMILIES: &[MetricFamily] = &[
    EVENTS,
    PROBLEMS,
    LEFT_OUT,
    WATCH_ERRORS,
    CONNECTED,
    OUTAGE_SINCE,
    GENERATION,
    REFUSED_ENDPOINTS,
    REFUSED_FRONTENDS,
    UNCLEAR_PROPAGATION,
    STATE_SAVED,
    STATE_SAVES,
    STATE_BYTES,
    SERVICE_EVENTS,
    SERVICE_CHANGES,
    SERVICE_CHANGES_PENDING,
    ENDPOINT_CHANGES,
    ENDPOINT_CHANGES_PENDING,
    LAST_QUEUED,
    REQUESTS,
    REQUEST_DURATION,
];
