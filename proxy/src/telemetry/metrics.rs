//! Which metrics does the data plane have? Those of a Service port are registered with its first client.

use super::{
    close_reason::Closed,
    totals::{PortTotals, Totals},
};
use metrics::{Counter, Gauge, Histogram, Label};
use std::{
    num::NonZeroU16,
    sync::{Arc, OnceLock},
    time::Duration,
};
use weir_core::{PortKey, Protocol, ServicePort};

const ATTEMPTS: &str = "weir_connect_attempts_total";

/// Metrics of one Service port. Nothing is looked up by label after registration.
///
/// A cluster has many ports that hardly anybody uses, so series that count clients are registered with the first one.
#[derive(Debug)]
pub(crate) struct PortMetrics {
    key: PortKey,
    port: NonZeroU16,
    clients: OnceLock<Box<ClientMetrics>>,
}

/// Metrics of the clients of one Service port.
#[derive(Debug)]
pub(crate) struct ClientMetrics {
    pub(crate) opened: Counter,
    pub(crate) active: Gauge,
    /// Connections or flows that ended.
    pub(crate) closed: CountersByReason,
    /// Clients that were refused because a limit was reached.
    pub(crate) rejected: CountersByReason,
    /// Clients that had to wait for the accept rate.
    pub(crate) delayed: Counter,
    pub(crate) to_endpoint: Counter,
    pub(crate) to_client: Counter,
    pub(crate) datagrams_to_endpoint: Counter,
    pub(crate) datagrams_to_client: Counter,
    pub(crate) dropped: Counter,
    /// The same counts, to be read.
    pub(crate) totals: Totals,
}

impl PortMetrics {
    pub(crate) fn new(port: &ServicePort) -> Self {
        Self { key: port.key.clone(), port: port.port, clients: OnceLock::new() }
    }

    /// Number of the Service port.
    pub(crate) fn number(&self) -> NonZeroU16 {
        self.port
    }

    /// What the port has served so far.
    pub(crate) fn totals(&self) -> PortTotals {
        self.clients.get().map_or_else(PortTotals::default, |clients| clients.totals.read())
    }

    /// Key of the Service port.
    pub(crate) fn key(&self) -> &PortKey {
        &self.key
    }

    /// Metrics of the port's clients, registered by the first call.
    pub(crate) fn clients(&self) -> &ClientMetrics {
        self.clients.get_or_init(|| Box::new(ClientMetrics::register(&self.labels(), self.key.protocol)))
    }

    fn labels(&self) -> [Label; 4] {
        let PortKey { service, name, protocol } = &self.key;
        let name = if name.is_empty() { self.port.to_string().into() } else { Arc::clone(name) };
        [
            Label::new("namespace", Arc::clone(&service.namespace)),
            Label::new("service", Arc::clone(&service.name)),
            Label::new("port", name),
            Label::new("protocol", protocol.as_str()),
        ]
    }
}

impl ClientMetrics {
    fn register(labels: &[Label], protocol: Protocol) -> Self {
        let with = |key: &'static str, value: &'static str| [labels, &[Label::new(key, value)]].concat();
        let udp = protocol == Protocol::Udp;
        let of = |udp_name: &'static str, tcp_name: &'static str| if udp { udp_name } else { tcp_name };
        let datagrams = |direction| match udp {
            true => metrics::counter!("weir_udp_datagrams_total", with("direction", direction)),
            false => Counter::noop(),
        };
        Self {
            opened: metrics::counter!(
                of("weir_udp_flows_opened_total", "weir_connections_opened_total"),
                labels.to_vec()
            ),
            active: metrics::gauge!(of("weir_udp_flows", "weir_connections_active"), labels.to_vec()),
            closed: CountersByReason::new(
                of("weir_udp_flows_closed_total", "weir_connections_closed_total"),
                "reason",
                labels.to_vec(),
            ),
            rejected: CountersByReason::new("weir_rejected_total", "reason", labels.to_vec()),
            delayed: match udp {
                true => Counter::noop(),
                false => metrics::counter!("weir_accepts_delayed_total", labels.to_vec()),
            },
            to_endpoint: metrics::counter!("weir_bytes_total", with("direction", "to_endpoint")),
            to_client: metrics::counter!("weir_bytes_total", with("direction", "to_client")),
            datagrams_to_endpoint: datagrams("to_endpoint"),
            datagrams_to_client: datagrams("to_client"),
            dropped: match udp {
                true => metrics::counter!("weir_udp_datagrams_dropped_total", labels.to_vec()),
                false => Counter::noop(),
            },
            totals: Totals::default(),
        }
    }
}

/// A counter for each reason, registered when a reason first occurs: most never do.
#[derive(Debug)]
pub(crate) struct CountersByReason {
    name: &'static str,
    key: &'static str,
    labels: Vec<Label>,
    counters: [OnceLock<Counter>; Closed::ALL.len()],
}

impl CountersByReason {
    fn new(name: &'static str, key: &'static str, labels: Vec<Label>) -> Self {
        Self { name, key, labels, counters: [const { OnceLock::new() }; Closed::ALL.len()] }
    }

    /// The counter of one reason.
    pub(crate) fn get(&self, reason: Closed) -> &Counter {
        self.counters[reason as usize].get_or_init(|| {
            let labels = [&self.labels[..], &[Label::new(self.key, reason.as_str())]].concat();
            metrics::counter!(self.name, labels)
        })
    }
}

/// Metrics of the data plane that belong to no Service port.
#[derive(Debug)]
pub(crate) struct ProcessMetrics {
    /// Seconds until an endpoint accepted a connection.
    connect_duration: Histogram,
    /// Accepts that failed, for want of descriptors or memory.
    pub(crate) accept_errors: Counter,
    /// Endpoints tried beside one that had not answered yet.
    pub(crate) hedged: Counter,
    /// Endpoints tried because the one before failed.
    pub(crate) retried: Counter,
    /// Clients that wait because all endpoints are full.
    waiting: Gauge,
    /// Endpoints ejected because connects to them kept failing, or because they ended connections at once.
    pub(crate) ejections: Counter,
    /// Seconds that it took to apply a Snapshot.
    pub(crate) sync_duration: Histogram,
    /// Unix time at which a Snapshot was last applied, in seconds.
    pub(crate) last_sync: Gauge,
    /// TCP connections that there may be.
    connections_limit: Gauge,
    /// Descriptors that the data plane may have open.
    descriptors_limit: Gauge,
    /// Descriptors that the data plane has open.
    pub(crate) descriptors_used: Gauge,
    /// Bytes that relays have read and cannot write yet.
    pub(crate) relay_memory: Gauge,
    connected: Counter,
    not_connected: CountersByReason,
}

impl ProcessMetrics {
    pub(crate) fn register() -> Arc<Self> {
        Arc::new(Self {
            connect_duration: metrics::histogram!("weir_connect_duration_seconds"),
            accept_errors: metrics::counter!("weir_accept_errors_total"),
            hedged: metrics::counter!("weir_connects_hedged_total"),
            retried: metrics::counter!("weir_connects_retried_total"),
            waiting: metrics::gauge!("weir_queue_waiting"),
            ejections: metrics::counter!("weir_endpoint_ejections_total"),
            sync_duration: metrics::histogram!("weir_sync_duration_seconds"),
            last_sync: metrics::gauge!("weir_sync_last_timestamp_seconds"),
            connections_limit: metrics::gauge!("weir_connections_limit"),
            descriptors_limit: metrics::gauge!("weir_descriptors_limit"),
            descriptors_used: metrics::gauge!("weir_descriptors_used"),
            relay_memory: metrics::gauge!("weir_relay_memory_bytes"),
            connected: metrics::counter!(ATTEMPTS, "result" => "connected"),
            not_connected: CountersByReason::new(ATTEMPTS, "result", Vec::new()),
        })
    }

    /// Sets the gauges of limits.
    pub(crate) fn set_limits(&self, connections: usize, descriptors: usize) {
        self.connections_limit.set(connections as f64);
        self.descriptors_limit.set(descriptors as f64);
    }

    /// Counts an attempt to connect to an endpoint that failed.
    pub(crate) fn not_connected(&self, reason: Closed) {
        self.not_connected.get(reason).increment(1);
    }

    /// Counts attempts to connect to endpoints that accepted after these times.
    pub(crate) fn connected(&self, times: impl ExactSizeIterator<Item = Duration>) {
        if times.len() > 0 {
            self.connected.increment(times.len() as u64);
            times.for_each(|took| self.connect_duration.record(took));
        }
    }

    /// Counts a client as waiting until the guard is dropped.
    pub(crate) fn wait(&self) -> WaitingClient<'_> {
        self.waiting.increment(1.0);
        WaitingClient(&self.waiting)
    }
}

/// A client in the gauge of waiting ones, until dropped.
pub(crate) struct WaitingClient<'a>(&'a Gauge);

impl Drop for WaitingClient<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Gauges of the number of frontends in each state.
#[derive(Debug)]
pub(crate) struct FrontendGauges {
    listening: Gauge,
    failed: Gauge,
    no_endpoints: Gauge,
}

impl FrontendGauges {
    pub(crate) fn register() -> Self {
        let of = |state: &'static str| metrics::gauge!("weir_frontends", "state" => state);
        Self { listening: of("listening"), failed: of("failed"), no_endpoints: of("no_endpoints") }
    }

    /// Sets the number of frontends in each state.
    pub(crate) fn set(&self, listening: usize, failed: usize, no_endpoints: usize) {
        self.listening.set(listening as f64);
        self.failed.set(failed as f64);
        self.no_endpoints.set(no_endpoints as f64);
    }
}
