//! What has happened lately?

use crate::admin::{
    basics::{
        api_error::ApiError,
        clock::{Clock, Time},
    },
    routes::{
        asked::{Asked, json},
        list::{ListForm, Metadata, Start},
        stream::{self, Feed},
    },
};
use crate::http::Reply;
use serde::Serialize;
use std::net::IpAddr;
use weir_proxy::{Event, EventKind, EventLog};

const PARAMETERS: [&str; 7] = ["type", "namespace", "service", "endpoint", "since", "limit", "continue"];

#[derive(Clone, Debug, Serialize)]
struct EventForm {
    id: u64,
    time: Time,
    r#type: &'static str,
    severity: &'static str,
    namespace: Option<String>,
    service: Option<String>,
    port: Option<String>,
    protocol: Option<&'static str>,
    endpoint: Option<String>,
    reason: Option<&'static str>,
    message: String,
}

#[derive(Serialize)]
struct Skipped {
    skipped: u64,
}

/// Answers the route.
pub(crate) fn get(asked: Asked<'_>) -> Result<Reply, ApiError> {
    asked.query.only(&PARAMETERS)?;
    let log = asked.knowledge.observer().ok_or_else(ApiError::not_running)?.events().clone();
    let filter = Filter::read(&asked)?;
    let since = asked.query.parse::<u64>("since", "must be the id of an event")?;
    if asked.as_stream {
        let after = since.unwrap_or_else(|| *log.last().borrow());
        return Ok(stream::start(&asked, None, News { log, filter, after }));
    }
    let (clock, limit, start) = (Clock::now(), asked.query.limit()?, Start::read(&asked.query)?);
    let (events, _) = log.after(since.unwrap_or(0));
    let total = events.len();
    let found: Vec<Event> = events.into_iter().filter(|event| filter.has(event)).collect();
    let mut metadata = Metadata::of(&asked, &clock, total, Some(found.len()));
    // The newest are wanted first of all: without a page the last ones are told.
    let start = match asked.query.get("continue") {
        None => Start::At(found.len().saturating_sub(limit)),
        Some(_) => start,
    };
    let (page, next) = start.page(found, limit, false, |_| String::new());
    metadata.next = next;
    json(&ListForm { kind: "EventList", metadata, items: page.iter().map(EventForm::of).collect() })
}

struct Filter {
    kind: Option<EventKind>,
    namespace: Option<String>,
    service: Option<String>,
    endpoint: Option<(IpAddr, Option<u16>)>,
}

impl Filter {
    fn read(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let query = &asked.query;
        Ok(Self {
            kind: query.word("type", &EventKind::ALL.map(|kind| (kind.as_str(), kind)))?,
            namespace: query.text("namespace"),
            service: query.text("service"),
            endpoint: query.endpoint("endpoint")?,
        })
    }

    fn has(&self, event: &Event) -> bool {
        let occurrence = &event.occurrence;
        let service = occurrence.service.as_ref();
        let is_at = |(ip, number): (IpAddr, Option<u16>)| {
            occurrence
                .address
                .is_some_and(|at| at.ip() == ip && number.is_none_or(|number| number == at.port()))
        };
        self.kind.is_none_or(|kind| kind == occurrence.kind)
            && self
                .namespace
                .as_deref()
                .is_none_or(|wanted| service.is_some_and(|key| *key.namespace == *wanted))
            && self.service.as_deref().is_none_or(|wanted| service.is_some_and(|key| *key.name == *wanted))
            && self.endpoint.is_none_or(is_at)
    }
}

struct News {
    log: EventLog,
    filter: Filter,
    after: u64,
}

impl Feed for News {
    async fn next(&mut self, dropped: u64) -> Option<Vec<u8>> {
        let (events, forgotten) = self.log.after(self.after);
        self.after = events.last().map_or(self.after, |event| event.id);
        let mut bytes = Vec::new();
        if forgotten + dropped > 0 {
            bytes.extend(stream::event("skipped", None, &Skipped { skipped: forgotten + dropped }).ok()?);
        }
        for event in events.iter().filter(|event| self.filter.has(event)) {
            bytes.extend(stream::event("event", Some(event.id), &EventForm::of(event)).ok()?);
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    /// The ring keeps what is not read yet.
    async fn lost(&mut self) -> u64 {
        0
    }
}

impl EventForm {
    fn of(event: &Event) -> Self {
        let occurrence = &event.occurrence;
        let port = occurrence.port.as_ref();
        Self {
            id: event.id,
            time: Time(event.at),
            r#type: occurrence.kind.as_str(),
            severity: if occurrence.kind.is_warning() { "warning" } else { "info" },
            namespace: occurrence.service.as_ref().map(|service| service.namespace.to_string()),
            service: occurrence.service.as_ref().map(|service| service.name.to_string()),
            port: port.map(|port| match &*port.key.name {
                "" => port.number.to_string(),
                name => name.to_owned(),
            }),
            protocol: port.map(|port| port.key.protocol.as_str()),
            endpoint: occurrence.address.map(|address| address.to_string()),
            reason: occurrence.reason,
            message: occurrence.message.clone(),
        }
    }
}
