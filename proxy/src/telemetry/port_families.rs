//! Which metrics does a Service port have, and how are they read? For whoever shows them.

use super::{
    close_reason::Closed,
    endpoint_reading::EndpointStanding,
    histogram::HistogramReading,
    port_series::{CheckResult, PortCount, PortSeries, ReasonCount},
};
use weir_core::{MetricFamily, MetricUnit::Bytes, Protocol};

const PORT: &[&str] = &["namespace", "service", "port", "protocol"];
const BY_REASON: &[&str] = &["namespace", "service", "port", "protocol", "reason"];
const BY_RESULT: &[&str] = &["namespace", "service", "port", "protocol", "result"];
const BY_STATE: &[&str] = &["namespace", "service", "port", "protocol", "state"];
const BY_DIRECTION: &[&str] = &["namespace", "service", "port", "protocol", "direction"];

/// A metric of Service ports. A series has the labels `namespace`, `service`, `port` and `protocol`, and at most one more,
/// which readings name.
#[derive(Clone, Copy, Debug)]
pub struct PortFamily {
    /// The metric.
    pub family: MetricFamily,
    /// Calls a closure with each value of a port; not at all if the metric says nothing of it.
    pub read: fn(&PortSeries, ShowReading<'_>),
}

/// What is called with each value of a Service port.
pub type ShowReading<'a> = &'a mut dyn FnMut(PortReading<'_>);

/// A value of a Service port.
#[derive(Clone, Copy, Debug)]
pub enum PortReading<'a> {
    /// The value of the port's only series.
    One(u64),
    /// The value of the series with this value of the last label of the family.
    Of(&'static str, u64),
    /// Durations.
    Durations(&'a HistogramReading),
}

/// Every metric of Service ports.
pub const PORT_FAMILIES: &[PortFamily] = &[
    PortFamily {
        family: MetricFamily::counter("weir_connections_opened_total", PORT, "TCP connections accepted"),
        read: |series, show| tcp_count(series, PortCount::Opened, show),
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_connections_closed_total",
            BY_REASON,
            "TCP connections ended, by close reason",
        ),
        read: |series, show| of(series, Protocol::Tcp, || by_reason(series, ReasonCount::Closed, show)),
    },
    PortFamily {
        family: MetricFamily::gauge(
            "weir_connections_active",
            PORT,
            "TCP connections accepted and not ended",
        ),
        read: |series, show| of(series, Protocol::Tcp, || show(PortReading::One(series.active()))),
    },
    PortFamily {
        family: MetricFamily::durations(
            "weir_connection_duration_seconds",
            PORT,
            "Time from the beginning of a TCP connection to its end",
        ),
        read: |series, show| {
            of(series, Protocol::Tcp, || show(PortReading::Durations(&series.durations())));
        },
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_rejected_total",
            BY_REASON,
            "TCP connections and UDP flows refused at a limit, by reason",
        ),
        read: |series, show| by_reason(series, ReasonCount::Rejected, show),
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_accepts_delayed_total",
            PORT,
            "TCP clients that waited because of the accept rate (weir.dev/accept-rate)",
        ),
        read: |series, show| tcp_count(series, PortCount::Delayed, show),
    },
    PortFamily {
        family: MetricFamily::counter("weir_udp_flows_opened_total", PORT, "UDP flows begun"),
        read: |series, show| udp_count(series, PortCount::Opened, show),
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_udp_flows_closed_total",
            BY_REASON,
            "UDP flows ended, by close reason",
        ),
        read: |series, show| of(series, Protocol::Udp, || by_reason(series, ReasonCount::Closed, show)),
    },
    PortFamily {
        family: MetricFamily::gauge("weir_udp_flows", PORT, "UDP flows begun and not ended"),
        read: |series, show| of(series, Protocol::Udp, || show(PortReading::One(series.active()))),
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_udp_datagrams_total",
            BY_DIRECTION,
            "Datagrams relayed, by direction (to_endpoint, to_client)",
        ),
        read: |series, show| {
            let counts = [PortCount::DatagramsToEndpoint, PortCount::DatagramsToClient];
            of(series, Protocol::Udp, || by_direction(series, counts, show));
        },
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_udp_datagrams_dropped_total",
            PORT,
            "Datagrams that could not be relayed",
        ),
        read: |series, show| udp_count(series, PortCount::DatagramsDropped, show),
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_bytes_total",
            BY_DIRECTION,
            "Payload relayed, by direction (to_endpoint, to_client)",
        )
        .in_unit(Bytes),
        read: |series, show| {
            let counts = [PortCount::BytesToEndpoint, PortCount::BytesToClient];
            of(series, series.protocol(), || by_direction(series, counts, show));
        },
    },
    PortFamily {
        family: MetricFamily::durations(
            "weir_connect_duration_seconds",
            PORT,
            "Time of an attempt to connect until the endpoint accepted",
        ),
        read: |series, show| {
            of(series, Protocol::Tcp, || show(PortReading::Durations(&series.connect_times())));
        },
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_connect_attempts_total",
            BY_RESULT,
            "Attempts to connect to an endpoint, by result (connected, or the close reason of a failure)",
        ),
        read: |series, show| {
            of(series, Protocol::Tcp, || {
                show(PortReading::Of("connected", series.connect_times().count()));
            });
            by_reason(series, ReasonCount::NotConnected, show);
        },
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_connects_hedged_total",
            PORT,
            "Attempts to connect begun while an earlier one had no answer yet",
        ),
        read: |series, show| tcp_count(series, PortCount::Hedged, show),
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_connects_retried_total",
            PORT,
            "Attempts to connect begun after all earlier ones of the client had failed",
        ),
        read: |series, show| tcp_count(series, PortCount::Retried, show),
    },
    PortFamily {
        family: MetricFamily::gauge(
            "weir_queue_waiting",
            PORT,
            "TCP clients that wait because every endpoint is at its limit (weir.dev/max-connections-per-endpoint)",
        ),
        read: |series, show| of(series, Protocol::Tcp, || show(PortReading::One(series.waiting()))),
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_endpoint_ejections_total",
            PORT,
            "Ejections of endpoints, by the Service port whose connections to them kept failing, or were ended by them at once",
        ),
        read: |series, show| {
            of(series, series.protocol(), || {
                show(PortReading::One(series.count(PortCount::Ejections)));
            });
        },
    },
    PortFamily {
        family: MetricFamily::counter(
            "weir_health_checks_total",
            BY_RESULT,
            "Active checks of endpoints, by result (succeeded, refused, unreachable, timed_out, reset, local_limit); of the \
             Service ports that want an endpoint checked the first by name counts",
        ),
        read: |series, show| {
            let count = |result: CheckResult| (result.as_str(), series.checks(result));
            nonzero(CheckResult::all().map(count), show);
        },
    },
    PortFamily {
        family: MetricFamily::gauge(
            "weir_service_endpoints",
            BY_STATE,
            "Endpoints of a Service port in use, by state: ready; ejected, since connections to them failed; down, since \
             checks fail; draining, as they terminate",
        ),
        read: states,
    },
];

/// Runs `show` for a port with clients of this protocol.
fn of(series: &PortSeries, protocol: Protocol, show: impl FnOnce()) {
    if series.protocol() == protocol && series.has_clients() {
        show();
    }
}

fn tcp_count(series: &PortSeries, what: PortCount, show: ShowReading<'_>) {
    of(series, Protocol::Tcp, || show(PortReading::One(series.count(what))));
}

fn udp_count(series: &PortSeries, what: PortCount, show: ShowReading<'_>) {
    of(series, Protocol::Udp, || show(PortReading::One(series.count(what))));
}

/// Of the reasons most never occur.
fn by_reason(series: &PortSeries, what: ReasonCount, show: ShowReading<'_>) {
    let count = |reason: Closed| (reason.as_str(), series.count_by_reason(what, reason));
    nonzero(Closed::ALL.into_iter().map(count), show);
}

fn nonzero(counts: impl Iterator<Item = (&'static str, u64)>, show: ShowReading<'_>) {
    counts.filter(|(_, count)| *count > 0).for_each(|(label, count)| show(PortReading::Of(label, count)));
}

fn by_direction(series: &PortSeries, counts: [PortCount; 2], show: ShowReading<'_>) {
    for (direction, count) in ["to_endpoint", "to_client"].into_iter().zip(counts) {
        show(PortReading::Of(direction, series.count(count)));
    }
}

fn states(series: &PortSeries, show: ShowReading<'_>) {
    let mut counts = [0; EndpointStanding::ALL.len()];
    series.for_each_endpoint(&mut |view| {
        if let Some(count) = counts.get_mut(view.state as usize) {
            *count += 1;
        }
    });
    for (state, count) in EndpointStanding::ALL.into_iter().zip(counts) {
        show(PortReading::Of(state.as_str(), count));
    }
}
