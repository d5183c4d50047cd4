//! What is told of endpoints?

use super::{
    super::{
        api_error::ApiError,
        asked::{Asked, json},
        clock::{Clock, Time, seconds},
        leases::LeaseForm,
        overview::Port,
    },
    list::{ListForm, Metadata, Start},
    services::PROTOCOLS,
};
use crate::http::Reply;
use serde::Serialize;
use serde_json::Value;
use std::net::IpAddr;
use weir_core::{Conditions, Protocol, Traffic};
use weir_proxy::{EndpointState, EndpointView};

const PARAMETERS: [&str; 12] = [
    "namespace",
    "service",
    "port",
    "protocol",
    "state",
    "node",
    "endpoint",
    "filter",
    "detail",
    "sort",
    "limit",
    "continue",
];

#[derive(Serialize)]
struct EndpointList {
    #[serde(flatten)]
    list: ListForm<EndpointForm>,
    lease: Option<LeaseForm>,
}

/// An endpoint of a Service port.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointForm {
    namespace: String,
    service: String,
    port: String,
    protocol: &'static str,
    endpoint: String,
    node: Option<String>,
    zone: Option<String>,
    state: &'static str,
    since: Option<Time>,
    reason: Option<&'static str>,
    message: Option<String>,
    until: Option<Time>,
    last_resort: bool,
    conditions: ConditionsForm,
    picks: Vec<PickForm>,
    weight: u16,
    r#override: Option<Value>,
    connections: ConnectionsForm,
    failures: FailuresForm,
    ejections: EjectionsForm,
    connect_time: Option<ConnectTimeForm>,
    detail: Option<Value>,
    #[serde(skip)]
    key: Key,
}

/// What endpoints are sorted by.
#[derive(Clone, Debug)]
struct Key {
    name: String,
    ip: IpAddr,
    number: u16,
    state: EndpointState,
    mean: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct ConditionsForm {
    ready: bool,
    serving: bool,
    terminating: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct PickForm {
    traffic: &'static str,
    eligible: bool,
    reason: Option<&'static str>,
    odds: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionsForm {
    active: usize,
    max: u32,
    limit: Option<u32>,
    picked_total: u32,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FailuresForm {
    total: u32,
    in_a_row: u8,
    last: Option<&'static str>,
    last_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EjectionsForm {
    total: u32,
    last_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectTimeForm {
    mean_seconds: f64,
    peak_seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SortBy {
    Name,
    Connections,
    Picked,
    Failures,
    State,
    ConnectTime,
}

const SORTS: [(&str, SortBy); 6] = [
    ("name", SortBy::Name),
    ("connections", SortBy::Connections),
    ("picked", SortBy::Picked),
    ("failures", SortBy::Failures),
    ("state", SortBy::State),
    ("connectTime", SortBy::ConnectTime),
];

/// Answers the route.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let query = &asked.query;
    query.only(&PARAMETERS)?;
    let clock = Clock::now();
    let (sort, limit, start) = (query.sort(&SORTS, SortBy::Name)?, query.limit()?, Start::read(query)?);
    let filter = Filter::read(asked)?;
    let lease = match query.flag("detail")? {
        true => Some(asked.knowledge.leases.take(asked.caller, clock.instant)?),
        false => None,
    };
    let overview = asked.knowledge.overview(clock.instant)?;
    let total = overview.ports.iter().map(Port::total).sum();
    let mut found = Vec::new();
    for port in overview.ports.iter().filter(|port| filter.has_port(port)) {
        found.extend(of_port(asked, port, &clock)?.into_iter().filter(|endpoint| filter.has(endpoint)));
    }
    sort_by(&mut found, sort.by);
    if sort.is_reversed {
        found.reverse();
    }
    let mut metadata = Metadata::of(asked, &clock, total, Some(found.len()));
    let by_name = sort.by == SortBy::Name && !sort.is_reversed;
    let (items, next) = start.page(found, limit, by_name, |endpoint| endpoint.key.name.clone());
    metadata.next = next;
    json(&EndpointList { list: ListForm { kind: "EndpointList", metadata, items }, lease })
}

fn sort_by(found: &mut [EndpointForm], by: SortBy) {
    match by {
        // Ports are sorted; the endpoints of each by their text.
        SortBy::Name => found.sort_by(|a, b| a.key.name.cmp(&b.key.name)),
        SortBy::Connections => found.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.connections.active)),
        SortBy::Picked => found.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.connections.picked_total)),
        SortBy::Failures => found.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.failures.total)),
        SortBy::State => found.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.key.state)),
        SortBy::ConnectTime => found.sort_by(|a, b| b.key.mean.total_cmp(&a.key.mean)),
    }
}

/// Endpoints of a Service port, in list order.
pub(crate) fn of_port(asked: &Asked<'_>, port: &Port, clock: &Clock) -> Result<Vec<EndpointForm>, ApiError> {
    let observer = asked.knowledge.observer().ok_or_else(ApiError::not_running)?;
    let views = port.families.iter().flat_map(|family| observer.endpoints(&family.key, family.family));
    Ok(views.map(|view| EndpointForm::of(port, &view, clock)).collect())
}

struct Filter {
    namespace: Option<String>,
    service: Option<String>,
    port: Option<String>,
    protocol: Option<Protocol>,
    state: Option<EndpointState>,
    node: Option<String>,
    endpoint: Option<(IpAddr, Option<u16>)>,
    part: Option<String>,
}

impl Filter {
    fn read(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let query = &asked.query;
        let states = EndpointState::ALL.map(|state| (state.as_str(), state));
        Ok(Self {
            namespace: query.text("namespace"),
            service: query.text("service"),
            port: query.text("port"),
            protocol: query.word("protocol", &PROTOCOLS)?,
            state: query.word("state", &states)?,
            node: query.text("node"),
            endpoint: query.endpoint("endpoint")?,
            part: query.get("filter").map(str::to_lowercase),
        })
    }

    fn has_port(&self, port: &Port) -> bool {
        let service = &port.key.service;
        self.namespace.as_deref().is_none_or(|namespace| namespace == &*service.namespace)
            && self.service.as_deref().is_none_or(|name| name == &*service.name)
            && self.port.as_deref().is_none_or(|label| label == port.label)
            && self.protocol.is_none_or(|protocol| protocol == port.key.protocol)
    }

    fn has(&self, endpoint: &EndpointForm) -> bool {
        let is_at = |(ip, number): (IpAddr, Option<u16>)| {
            ip == endpoint.key.ip && number.is_none_or(|number| number == endpoint.key.number)
        };
        let contains = |part: &str| {
            let node = endpoint.node.as_deref().unwrap_or_default();
            format!("{} {node}", endpoint.key.name).to_lowercase().contains(part)
        };
        self.state.is_none_or(|state| state == endpoint.key.state)
            && self.node.as_deref().is_none_or(|node| endpoint.node.as_deref() == Some(node))
            && self.endpoint.is_none_or(is_at)
            && self.part.as_deref().is_none_or(contains)
    }
}

impl EndpointForm {
    fn of(port: &Port, view: &EndpointView, clock: &Clock) -> Self {
        let at = |instant: Option<std::time::Instant>| instant.map(|instant| clock.at(instant));
        let (endpoint, address) = (&view.endpoint, view.endpoint.address);
        let Conditions { ready, serving, terminating } = endpoint.conditions;
        let pick = |pick: &weir_proxy::Pick| PickForm {
            traffic: match pick.traffic {
                Traffic::Cluster => "cluster",
                Traffic::Local => "local",
            },
            eligible: pick.reason.is_none(),
            reason: pick.reason,
            odds: pick.odds.map(|odds| (odds * 1e6).round() / 1e6),
        };
        Self {
            namespace: port.key.service.namespace.to_string(),
            service: port.key.service.name.to_string(),
            port: port.label.clone(),
            protocol: port.key.protocol.as_str(),
            endpoint: address.to_string(),
            node: endpoint.node.as_deref().map(str::to_owned),
            zone: endpoint.zone.as_deref().map(str::to_owned),
            state: view.state.as_str(),
            since: at(view.since),
            reason: view.reason,
            message: message(view, clock),
            until: at(view.until),
            last_resort: view.last_resort,
            conditions: ConditionsForm { ready, serving, terminating },
            picks: view.picks.iter().map(pick).collect(),
            weight: 100,
            r#override: None,
            connections: ConnectionsForm {
                active: view.live,
                max: view.most,
                limit: view.limit,
                picked_total: view.picked,
            },
            failures: FailuresForm {
                total: view.failures,
                in_a_row: view.failures_in_a_row,
                last: view.last_failure.map(weir_core::ConnectFailure::as_str),
                last_at: at(view.last_failed),
            },
            ejections: EjectionsForm { total: view.ejections, last_at: at(view.last_ejected) },
            connect_time: view.connect_time.map(|(mean, peak)| ConnectTimeForm {
                mean_seconds: seconds(mean),
                peak_seconds: seconds(peak),
            }),
            detail: None,
            key: Key {
                name: format!("{} {address}", port.name),
                ip: address.ip(),
                number: address.port(),
                state: view.state,
                mean: view.connect_time.map_or(0.0, |(mean, _)| seconds(mean)),
            },
        }
    }
}

/// A sentence about an endpoint that gets nothing new.
fn message(view: &EndpointView, clock: &Clock) -> Option<String> {
    let why = view.reason.unwrap_or_default();
    let used = if view.last_resort { "; it is used all the same, as too few others are left" } else { "" };
    match view.state {
        EndpointState::Ready => None,
        EndpointState::Ejected => {
            let next = view.until.map(|until| clock.at(until).0).map(humantime::format_rfc3339_millis);
            let next = next.map_or_else(String::new, |next| format!("; it is tried again at {next}"));
            Some(format!("connections to it keep failing ({why}){next}{used}"))
        }
        EndpointState::Down => Some(format!("its checks fail ({why}){used}")),
        EndpointState::Draining => Some(format!("it gets no new connections ({why})")),
        EndpointState::Full => Some("it has as many connections as it may have".to_owned()),
        EndpointState::NotReady => Some(format!("Kubernetes says that it is not ready ({why})")),
        EndpointState::Elsewhere => Some(format!("it serves clients of other nodes or zones ({why})")),
        EndpointState::Loop => Some("weir itself serves this address".to_owned()),
    }
}
