//! Which metrics does a single endpoint have, and how are they read? For whoever shows them.

use super::EndpointReading;
use weir_core::{MetricFamily, MetricUnit::Seconds};

const ENDPOINT: &[&str] = &["namespace", "service", "port", "protocol", "endpoint", "node", "zone"];
const ENDPOINT_STATE: &[&str] =
    &["namespace", "service", "port", "protocol", "endpoint", "node", "zone", "state"];

/// A metric of single endpoints. A series has the labels of a Service port, and `endpoint`, `node`, `zone`, and at most one
/// more.
#[derive(Clone, Copy, Debug)]
pub struct EndpointFamily {
    /// The metric.
    pub family: MetricFamily,
    /// The value of an endpoint; `None` without one.
    pub read: fn(&EndpointReading<'_>) -> Option<f64>,
    /// The value of the last label of the family; `None` for a family without it.
    pub label: Option<fn(&EndpointReading<'_>) -> &'static str>,
}

/// Every metric of single endpoints, shown with `--endpoint-metrics` or while somebody asks for details. Counters begin anew
/// at 2^32, which is a reset for whoever takes a rate.
pub const ENDPOINT_FAMILIES: &[EndpointFamily] = &[
    EndpointFamily {
        family: MetricFamily::gauge(
            "weir_endpoint_state",
            ENDPOINT_STATE,
            "1, with the state of an endpoint as a label (ready, ejected, down, draining)",
        ),
        read: |_| Some(1.0),
        label: Some(|view| view.state.as_str()),
    },
    EndpointFamily {
        family: MetricFamily::gauge(
            "weir_endpoint_connections_active",
            ENDPOINT,
            "TCP connections and UDP flows of this node to an endpoint, whichever Service port they came through",
        ),
        read: |view| Some(view.load.live() as f64),
        label: None,
    },
    EndpointFamily {
        family: MetricFamily::counter(
            "weir_endpoint_picked_total",
            ENDPOINT,
            "TCP connections and UDP flows of this node begun with an endpoint, whether or not it accepted, whichever Service \
             port they came through",
        ),
        read: |view| Some(view.load.picked().into()),
        label: None,
    },
    EndpointFamily {
        family: MetricFamily::counter(
            "weir_endpoint_connect_failures_total",
            ENDPOINT,
            "Attempts to connect to an endpoint that failed, and UDP flows that it refused, whichever Service port they were for",
        ),
        read: |view| Some(view.load.failures().into()),
        label: None,
    },
    EndpointFamily {
        family: MetricFamily::counter(
            "weir_endpoint_ejected_total",
            ENDPOINT,
            "Ejections of an endpoint, whichever Service port's connections to it kept failing, or were ended by it at once",
        ),
        read: |view| Some(view.load.ejections().into()),
        label: None,
    },
    EndpointFamily {
        family: MetricFamily::gauge(
            "weir_endpoint_connect_seconds",
            ENDPOINT,
            "Mean time until an endpoint accepts a connection, smoothed over the last eight or so",
        )
        .in_unit(Seconds),
        read: |view| view.load.connect_time().mean().map(|mean| mean.as_secs_f64()),
        label: None,
    },
];
