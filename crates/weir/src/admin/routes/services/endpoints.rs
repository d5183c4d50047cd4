//! What is told of endpoints?

use crate::admin::{
    basics::{api_error::ApiError, clock::Clock},
    known::{leases::LeaseForm, override_form::OverrideForm, overview::Port, paths::Paths},
    routes::{
        asked::{Asked, json},
        list::{ListForm, Metadata, Start},
        services::{endpoint_form::EndpointForm, ports::PROTOCOLS},
    },
};
use crate::http::Reply;
use serde::Serialize;
use std::{collections::HashSet, net::IpAddr, sync::Arc};
use weir_core::{Protocol, ServiceKey};
use weir_proxy::{EndpointState, EndpointView};

const PARAMETERS: [&str; 13] = [
    "namespace",
    "service",
    "labelSelector",
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
pub(crate) async fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let query = &asked.query;
    query.only(&PARAMETERS)?;
    let clock = Clock::now();
    let (sort, limit, start) = (query.sort(&SORTS, SortBy::Name)?, query.limit()?, Start::read(query)?);
    let filter = Filter::read(asked)?;
    let lease = match query.flag("detail")? {
        true => Some(asked.knowledge.leases.take(asked.caller, clock.instant)?),
        false => None,
    };
    let paths = asked.knowledge.paths(lease, &[]).await;
    let overview = asked.knowledge.overview(clock.instant)?;
    let total = overview.ports.iter().map(Port::total).sum();
    let mut found = Vec::new();
    for port in overview.ports.iter().filter(|port| filter.has_port(port)) {
        let of_port = of_port(asked, port, paths.as_deref(), &clock)?;
        found.extend(of_port.into_iter().filter(|endpoint| filter.has(endpoint)));
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

/// Endpoints of a Service port, in list order, with what is known of the ways to them.
pub(crate) fn of_port(
    asked: &Asked<'_>,
    port: &Port,
    paths: Option<&Paths>,
    clock: &Clock,
) -> Result<Vec<EndpointForm>, ApiError> {
    let observer = asked.knowledge.observer().ok_or_else(ApiError::not_running)?;
    let views = port.families.iter().flat_map(|family| observer.endpoints(&family.key, family.family));
    let overrides = asked.knowledge.overrides().map(|overrides| overrides.current()).unwrap_or_default();
    let form = |view: EndpointView| {
        let endpoint = &view.endpoint;
        let said = overrides.deciding(endpoint.address, port.key.protocol, endpoint.node.as_ref());
        let r#override = said.map(|(target, said)| OverrideForm::of(&target, said));
        let detail = paths.filter(|_| port.key.protocol == Protocol::Tcp);
        let detail = detail.map(|paths| paths.to_endpoint(endpoint.address));
        EndpointForm::of(port, &view, clock).overridden(r#override).detailed(detail)
    };
    Ok(views.map(form).collect())
}

struct Filter {
    namespace: Option<String>,
    service: Option<String>,
    chosen: Option<Arc<HashSet<ServiceKey>>>,
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
            chosen: asked.chosen()?,
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
            && self.chosen.as_ref().is_none_or(|chosen| chosen.contains(service))
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
