//! What is told of Service ports?

use crate::admin::{
    basics::{
        api_error::ApiError,
        clock::{Clock, seconds},
    },
    known::overview::{Port, PortState},
    routes::{
        asked::{Asked, json},
        list::{ListForm, Metadata, Start},
    },
};
use crate::http::Reply;
use serde::Serialize;
use std::{collections::HashSet, num::NonZeroU32, sync::Arc};
use weir_core::{Protocol, ServiceKey};
use weir_proxy::{EndpointState, PortTotals};

/// Parameters of the route.
pub(crate) const PARAMETERS: [&str; 9] =
    ["namespace", "service", "labelSelector", "protocol", "state", "filter", "sort", "limit", "continue"];

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
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PortConnectionsForm {
    active: u64,
    limit: Option<u32>,
    limit_per_endpoint: Option<u32>,
    opened_total: u64,
    closed_total: u64,
    failed_total: u64,
    rejected_total: u64,
    waiting: usize,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SortBy {
    Name,
    Connections,
    Opened,
    Bytes,
    Failures,
    Endpoints,
    State,
}

const SORTS: [(&str, SortBy); 7] = [
    ("name", SortBy::Name),
    ("connections", SortBy::Connections),
    ("opened", SortBy::Opened),
    ("bytes", SortBy::Bytes),
    ("failures", SortBy::Failures),
    ("endpoints", SortBy::Endpoints),
    ("state", SortBy::State),
];

/// Words for protocols.
pub(crate) const PROTOCOLS: [(&str, Protocol); 3] =
    [("TCP", Protocol::Tcp), ("UDP", Protocol::Udp), ("SCTP", Protocol::Sctp)];

/// Answers the route.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.query.only(&PARAMETERS)?;
    json(&list(asked)?)
}

/// The page that is asked for; other parameters are not looked at.
pub(crate) fn list(asked: &Asked<'_>) -> Result<ListForm<PortForm>, ApiError> {
    let clock = Clock::now();
    let filter = Filter::read(asked)?;
    let (sort, limit, start) =
        (asked.query.sort(&SORTS, SortBy::Name)?, asked.query.limit()?, Start::read(&asked.query)?);
    let overview = asked.knowledge.overview(clock.instant)?;
    let mut found: Vec<&Port> = overview.ports.iter().filter(|port| filter.matches(port)).collect();
    let by_count = |count: fn(&Port) -> u64| move |a: &&Port, b: &&Port| count(b).cmp(&count(a));
    match sort.by {
        SortBy::Name => {}
        SortBy::Connections => found.sort_by(by_count(|port| port.totals.active())),
        SortBy::Opened => found.sort_by(by_count(|port| port.totals.opened)),
        SortBy::Bytes => found.sort_by(by_count(|port| port.totals.to_endpoint + port.totals.to_client)),
        SortBy::Failures => found.sort_by(by_count(|port| port.totals.failed)),
        SortBy::Endpoints => found.sort_by(by_count(|port| port.total() as u64)),
        SortBy::State => found.sort_by_key(|port| port.state),
    }
    if sort.is_reversed {
        found.reverse();
    }
    let mut metadata = Metadata::of(asked, &clock, overview.ports.len(), Some(found.len()));
    let by_name = sort.by == SortBy::Name && !sort.is_reversed;
    let (page, next) = start.page(found, limit, by_name, |port| port.name.clone());
    metadata.next = next;
    Ok(ListForm { kind: "ServicePortList", metadata, items: page.into_iter().map(PortForm::of).collect() })
}

#[derive(Debug)]
struct Filter {
    namespace: Option<String>,
    service: Option<String>,
    chosen: Option<Arc<HashSet<ServiceKey>>>,
    protocol: Option<Protocol>,
    state: Option<PortState>,
    part: Option<String>,
}

impl Filter {
    fn read(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let query = &asked.query;
        Ok(Self {
            namespace: query.text("namespace"),
            service: query.text("service"),
            chosen: asked.chosen()?,
            protocol: query.word("protocol", &PROTOCOLS)?,
            state: query.word("state", &PortState::WORDS)?,
            part: query.get("filter").map(str::to_lowercase),
        })
    }

    fn matches(&self, port: &Port) -> bool {
        let service = &port.key.service;
        self.namespace.as_deref().is_none_or(|namespace| namespace == &*service.namespace)
            && self.service.as_deref().is_none_or(|name| name == &*service.name)
            && self.chosen.as_ref().is_none_or(|chosen| chosen.contains(service))
            && self.protocol.is_none_or(|protocol| protocol == port.key.protocol)
            && self.state.is_none_or(|state| state == port.state)
            && self.part.as_deref().is_none_or(|part| port.name.to_lowercase().contains(part))
    }
}

impl PortForm {
    pub(crate) fn of(port: &Port) -> Self {
        let any = port.any();
        let policy = |local: bool| if local { "Local" } else { "Cluster" };
        let limits = any.map(|any| any.settings.limits);
        let PortTotals { opened, closed, failed, rejected, .. } = port.totals;
        let [listening, failing, no_endpoints] = port.frontends;
        Self {
            namespace: port.key.service.namespace.to_string(),
            service: port.key.service.name.to_string(),
            port: port.label.clone(),
            protocol: port.key.protocol.as_str(),
            port_number: any.map_or(0, |any| any.port.get()),
            families: port.family_words(),
            state: port.state.as_str(),
            reason: port.reason.clone(),
            cluster_ips: port.families.iter().map(|port| port.cluster_ip.to_string()).collect(),
            node_port: any.and_then(|any| any.node_port).map(std::num::NonZeroU16::get),
            balance: any.map_or("", |any| any.settings.balance.as_str()),
            affinity_seconds: any.and_then(|any| any.affinity).map(seconds),
            internal_traffic_policy: policy(any.is_some_and(|any| any.internal_local)),
            external_traffic_policy: policy(any.is_some_and(|any| any.external_local)),
            frontends: FrontendCountsForm { listening, failed: failing, no_endpoints },
            endpoints: EndpointCountsForm::of(std::slice::from_ref(port)),
            connections: PortConnectionsForm {
                active: port.totals.active(),
                limit: limits.and_then(|limits| limits.connections).map(NonZeroU32::get),
                limit_per_endpoint: limits
                    .and_then(|limits| limits.connections_per_endpoint)
                    .map(NonZeroU32::get),
                opened_total: opened,
                closed_total: closed,
                failed_total: failed,
                rejected_total: rejected,
                waiting: port.waiting,
            },
            bytes: BytesForm::of(&port.totals),
            datagrams: DatagramsForm {
                to_endpoint_total: port.totals.datagrams_to_endpoint,
                to_client_total: port.totals.datagrams_to_client,
                dropped_total: port.totals.dropped,
            },
        }
    }
}

impl EndpointCountsForm {
    pub(crate) fn of(ports: &[Port]) -> Self {
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
        }
    }
}

impl BytesForm {
    pub(crate) fn of(totals: &PortTotals) -> Self {
        Self { to_endpoint_total: totals.to_endpoint, to_client_total: totals.to_client }
    }
}
