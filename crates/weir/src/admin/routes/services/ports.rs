//! Which Service ports are told of, and in which order?

use crate::admin::{
    basics::{api_error::ApiError, clock::Clock},
    known::overview::{Port, PortState},
    routes::{
        asked::{Asked, json},
        list::{ListForm, Metadata, Start},
        services::port_form::PortForm,
    },
};
use crate::http::Reply;
use std::{collections::HashSet, sync::Arc};
use weir_core::{Protocol, ServiceKey};

/// Parameters of the route.
pub(crate) const PARAMETERS: [&str; 9] =
    ["namespace", "service", "labelSelector", "protocol", "state", "filter", "sort", "limit", "continue"];

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
    Ok(ListForm {
        kind: "ServicePortList",
        metadata,
        items: page.into_iter().map(|port| PortForm::of(port, &clock)).collect(),
    })
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
