//! What is told of one Service port?

use crate::admin::{
    basics::clock::{Clock, Time, seconds},
    known::overview::Port,
};
use serde::Serialize;
use std::num::NonZeroU32;
use weir_core::Protocol;
use weir_proxy::{EndpointState, HistogramReading, PortTotals};

/// A Service port.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortForm {
    namespace: String,
    service: String,
    port: String,
    protocol: &'static str,
    port_number: u16,
    families: Vec<&'static str>,
    state: &'static str,
    since: Option<Time>,
    reason: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Vec<String>,
    node_port: Option<u16>,
    balance: &'static str,
    affinity_seconds: Option<f64>,
    internal_traffic_policy: &'static str,
    external_traffic_policy: &'static str,
    frontends: FrontendCountsForm,
    endpoints: EndpointCountsForm,
    connections: PortConnectionsForm,
    connect_time: ConnectTimesForm,
    bytes: BytesForm,
    datagrams: DatagramsForm,
}

/// Frontends by state.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FrontendCountsForm {
    pub(crate) listening: usize,
    pub(crate) failed: usize,
    pub(crate) no_endpoints: usize,
}

/// Endpoints by state.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointCountsForm {
    total: usize,
    ready: usize,
    ejected: usize,
    down: usize,
    draining: usize,
    full: usize,
    not_ready: usize,
    elsewhere: usize,
    #[serde(rename = "loop")]
    looping: usize,
    ejections_total: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PortConnectionsForm {
    active: u64,
    /// Of the whole Service, as its limit is.
    most: Option<usize>,
    limit: Option<u32>,
    limit_per_endpoint: Option<u32>,
    opened_total: u64,
    closed_total: u64,
    failed_total: u64,
    rejected_total: u64,
    delayed_total: u64,
    retried_total: u64,
    hedged_total: u64,
    waiting: usize,
}

/// Times until endpoints accepted.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectTimesForm {
    count: u64,
    mean_seconds: Option<f64>,
    p50_seconds: Option<f64>,
    p99_seconds: Option<f64>,
}

/// Bytes that were relayed.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BytesForm {
    pub(crate) to_endpoint_total: u64,
    pub(crate) to_client_total: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DatagramsForm {
    to_endpoint_total: u64,
    to_client_total: u64,
    dropped_total: u64,
}

impl PortForm {
    pub(crate) fn of(port: &Port, clock: &Clock) -> Self {
        let any = port.any();
        let policy = |local: bool| if local { "Local" } else { "Cluster" };
        let [listening, failing, no_endpoints] = port.frontends;
        Self {
            namespace: port.key.service.namespace.to_string(),
            service: port.key.service.name.to_string(),
            port: port.label.clone(),
            protocol: port.key.protocol.as_str(),
            port_number: any.map_or(0, |any| any.port.get()),
            families: port.family_words(),
            state: port.state.as_str(),
            since: port.since.map(|since| clock.at(since)),
            reason: port.reason.clone(),
            cluster_ips: port.families.iter().map(|port| port.cluster_ip.to_string()).collect(),
            node_port: any.and_then(|any| any.node_port).map(std::num::NonZeroU16::get),
            balance: any.map_or("", |any| any.settings.balance.as_str()),
            affinity_seconds: any.and_then(|any| any.affinity).map(seconds),
            internal_traffic_policy: policy(any.is_some_and(|any| any.internal_local)),
            external_traffic_policy: policy(any.is_some_and(|any| any.external_local)),
            frontends: FrontendCountsForm { listening, failed: failing, no_endpoints },
            endpoints: EndpointCountsForm::of(std::slice::from_ref(port), port.totals.ejections),
            connections: PortConnectionsForm::of(port),
            connect_time: port.connect_times.as_deref().map(ConnectTimesForm::of).unwrap_or_default(),
            bytes: BytesForm::of(&port.totals),
            datagrams: DatagramsForm {
                to_endpoint_total: port.totals.datagrams_to_endpoint,
                to_client_total: port.totals.datagrams_to_client,
                dropped_total: port.totals.dropped,
            },
        }
    }
}

impl PortConnectionsForm {
    fn of(port: &Port) -> Self {
        let limits = port.any().map(|any| any.settings.limits);
        let PortTotals { opened, closed, failed, rejected, delayed, retried, hedged, .. } = port.totals;
        Self {
            active: port.totals.active(),
            most: (port.key.protocol == Protocol::Tcp).then_some(port.most_of_service),
            limit: limits.and_then(|limits| limits.connections).map(NonZeroU32::get),
            limit_per_endpoint: limits
                .and_then(|limits| limits.connections_per_endpoint)
                .map(NonZeroU32::get),
            opened_total: opened,
            closed_total: closed,
            failed_total: failed,
            rejected_total: rejected,
            delayed_total: delayed,
            retried_total: retried,
            hedged_total: hedged,
            waiting: port.waiting,
        }
    }
}

impl ConnectTimesForm {
    fn of(times: &HistogramReading) -> Self {
        Self {
            count: times.count(),
            mean_seconds: times.mean().map(seconds),
            p50_seconds: times.quantile(0.5).map(seconds),
            p99_seconds: times.quantile(0.99).map(seconds),
        }
    }
}

impl EndpointCountsForm {
    pub(crate) fn of(ports: &[Port], ejections_total: u64) -> Self {
        let count = |state| ports.iter().map(|port| port.count(state)).sum();
        Self {
            total: ports.iter().map(Port::total).sum(),
            ready: count(EndpointState::Ready),
            ejected: count(EndpointState::Ejected),
            down: count(EndpointState::Down),
            draining: count(EndpointState::Draining),
            full: count(EndpointState::Full),
            not_ready: count(EndpointState::NotReady),
            elsewhere: count(EndpointState::Elsewhere),
            looping: count(EndpointState::Loop),
            ejections_total,
        }
    }
}

impl BytesForm {
    pub(crate) fn of(totals: &PortTotals) -> Self {
        Self { to_endpoint_total: totals.to_endpoint, to_client_total: totals.to_client }
    }
}
