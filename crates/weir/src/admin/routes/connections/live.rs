//! What is told of TCP connections, live or closed?

use crate::admin::{
    basics::{
        api_error::ApiError,
        caller::Caller,
        clock::{Clock, Time},
    },
    known::{knowledge::Knowledge, leases::LeaseForm},
    routes::{
        asked::{Asked, json},
        connections::{
            form::ConnectionForm,
            query::{after, read},
        },
        list::{ListForm, Metadata, Start},
        stream::{self, Feed},
    },
};
use crate::http::Reply;
use serde::Serialize;
use std::{cmp::Reverse, ops::ControlFlow, sync::Arc, time::Instant};
use weir_control::LabelSelector;
use weir_proxy::{ConnectionChanges, ConnectionFilter, ConnectionInfo, Observer, Watch};

const PARAMETERS: [&str; 16] = [
    "state",
    "namespace",
    "service",
    "labelSelector",
    "port",
    "client",
    "endpoint",
    "node",
    "older",
    "younger",
    "reason",
    "id",
    "detail",
    "sort",
    "limit",
    "continue",
];

/// Changes of each kind that a stream tells in a second.
const MAX_CHANGES: usize = 500;

/// Connections that are looked through for the greatest.
const MAX_SORTED: usize = 1_000_000;

#[derive(Serialize)]
struct ConnectionList {
    #[serde(flatten)]
    list: ListForm<ConnectionForm>,
    lease: Option<LeaseForm>,
}

#[derive(Serialize)]
struct ChangesForm {
    time: Time,
    opened: Vec<ConnectionForm>,
    closed: Vec<ConnectionForm>,
    skipped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Live,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SortBy {
    Opened,
    Closed,
    Bytes,
    Idle,
    Duration,
}

const SORTS: [(&str, SortBy); 5] = [
    ("opened", SortBy::Opened),
    ("closed", SortBy::Closed),
    ("bytes", SortBy::Bytes),
    ("idle", SortBy::Idle),
    ("duration", SortBy::Duration),
];

/// Answers the route.
pub(crate) async fn get(asked: Asked<'_>) -> Result<Reply, ApiError> {
    asked.query.only(&PARAMETERS)?;
    let observer = asked.knowledge.observer().ok_or_else(ApiError::not_running)?.clone();
    if asked.as_stream {
        return watch(asked, observer).await;
    }
    json(&list(&asked, &observer).await?)
}

async fn list(asked: &Asked<'_>, observer: &Observer) -> Result<ConnectionList, ApiError> {
    let (clock, query) = (Clock::now(), &asked.query);
    let state =
        query.word("state", &[("live", State::Live), ("closed", State::Closed)])?.unwrap_or(State::Live);
    let filter = read(asked, &clock)?;
    let default = if state == State::Live { SortBy::Opened } else { SortBy::Closed };
    let (sort, limit) = (query.sort(&SORTS, default)?, query.limit()?);
    let lease = match query.flag("detail")? {
        true => Some(asked.knowledge.leases.take(asked.caller, clock.instant)?),
        false => None,
    };
    let (found, metadata);
    if state == State::Live && sort.by == default && !sort.is_reversed {
        (found, metadata) = page(asked, observer, filter, limit, &clock).await?;
    } else {
        let start = Start::read(query)?;
        let (mut all, total) = match state {
            State::Live => {
                let total = observer.connections_by_worker().iter().sum();
                (live(observer, &Arc::new(filter)).await, total)
            }
            State::Closed => observer.closed(&filter).await,
        };
        order(&mut all, sort.by);
        if sort.is_reversed {
            all.reverse();
        }
        let mut said = Metadata::of(asked, &clock, total, Some(all.len()));
        let (items, next) = start.page(all, limit, false, |_| String::new());
        said.next = next;
        (found, metadata) = (items, said);
    }
    // Of those that have ended there is nothing left to ask.
    let lease_of_live = lease.filter(|_| state == State::Live);
    let paths = asked.knowledge.paths(lease_of_live, &found).await;
    let snapshot = asked.knowledge.served.borrow().clone();
    let items =
        found.iter().map(|info| ConnectionForm::of(info, &snapshot, paths.as_deref(), &clock)).collect();
    Ok(ConnectionList { list: ListForm { kind: "ConnectionList", metadata, items }, lease })
}

/// A page of live connections in the order of their numbers: no more are looked at than it takes to fill it.
async fn page(
    asked: &Asked<'_>,
    observer: &Observer,
    filter: ConnectionFilter,
    limit: usize,
    clock: &Clock,
) -> Result<(Vec<ConnectionInfo>, Metadata), ApiError> {
    let total = observer.connections_by_worker().iter().sum();
    let matched = filter.is_empty().then_some(total);
    let mut found = Vec::new();
    let take = |slice: Vec<ConnectionInfo>| {
        found.extend(slice);
        if found.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    observer.connections(&Arc::new(filter), after(asked)?, take).await;
    let mut metadata = Metadata::of(asked, clock, total, matched);
    if found.len() > limit {
        found.truncate(limit);
        metadata.next = found.last().map(|last| last.id.to_string());
    }
    Ok((found, metadata))
}

async fn live(observer: &Observer, filter: &Arc<ConnectionFilter>) -> Vec<ConnectionInfo> {
    let mut found = Vec::new();
    let take = |slice: Vec<ConnectionInfo>| {
        found.extend(slice);
        if found.len() >= MAX_SORTED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    observer.connections(filter, None, take).await;
    found
}

fn order(found: &mut [ConnectionInfo], by: SortBy) {
    let end = |info: &ConnectionInfo| info.end.map_or_else(Instant::now, |end| end.at);
    match by {
        SortBy::Opened => found.sort_by_key(|info| info.opened),
        SortBy::Closed => found.sort_by_key(|info| Reverse(info.end.map(|end| end.at))),
        SortBy::Bytes => found.sort_by_key(|info| Reverse(info.to_endpoint + info.to_client)),
        SortBy::Idle => found.sort_by_key(|info| info.last_active),
        SortBy::Duration => {
            found.sort_by_key(|info| Reverse(end(info).saturating_duration_since(info.opened)));
        }
    }
}

/// Streams a list, and then what is opened and closed.
async fn watch(asked: Asked<'_>, observer: Observer) -> Result<Reply, ApiError> {
    let filter = Arc::new(read(&asked, &Clock::now())?);
    // First the place, then the list: nothing falls between the two.
    let watch = observer.watch().await;
    let first = stream::event("list", None, &list(&asked, &observer).await?)?;
    let feed = Changes {
        watch,
        observer,
        filter,
        selector: asked.query.label_selector("labelSelector")?,
        knowledge: asked.knowledge.clone(),
        leased_by: asked.query.flag("detail")?.then(|| asked.caller.clone()),
    };
    Ok(stream::start(&asked, Some(first), feed))
}

struct Changes {
    watch: Watch,
    observer: Observer,
    filter: Arc<ConnectionFilter>,
    /// Labels of the Services that are asked for, which may become others.
    selector: Option<LabelSelector>,
    knowledge: Knowledge,
    /// Whose lease the stream renews; `None` without details.
    leased_by: Option<Caller>,
}

impl Changes {
    async fn look(&mut self) -> ConnectionChanges {
        if let Some(chosen) = self.selector.as_ref().and_then(|selector| self.knowledge.chosen(selector))
            && self.filter.services.as_deref() != Some(&chosen)
        {
            Arc::make_mut(&mut self.filter).services = Some(Arc::new(chosen));
        }
        self.observer.look(&mut self.watch, &self.filter, MAX_CHANGES).await
    }
}

impl Feed for Changes {
    async fn next(&mut self, dropped: u64) -> Option<Vec<u8>> {
        let lease = self
            .leased_by
            .as_ref()
            .and_then(|caller| self.knowledge.leases.take(caller, Instant::now()).ok());
        let changes = self.look().await;
        if changes.opened.is_empty() && changes.closed.is_empty() && changes.skipped + dropped == 0 {
            return None;
        }
        let lease_of_opened = lease.filter(|_| !changes.opened.is_empty());
        let paths = self.knowledge.paths(lease_of_opened, &changes.opened).await;
        let (clock, snapshot) = (Clock::now(), self.knowledge.served.borrow().clone());
        let form = |info: &ConnectionInfo| ConnectionForm::of(info, &snapshot, paths.as_deref(), &clock);
        let forms = |found: &[ConnectionInfo]| found.iter().take(MAX_CHANGES).map(form).collect();
        let beyond = |found: &[ConnectionInfo]| found.len().saturating_sub(MAX_CHANGES) as u64;
        let changes = ChangesForm {
            time: clock.time(),
            opened: forms(&changes.opened),
            closed: forms(&changes.closed),
            skipped: changes.skipped + beyond(&changes.opened) + beyond(&changes.closed) + dropped,
        };
        stream::event("changes", None, &changes).ok()
    }

    async fn lost(&mut self) -> u64 {
        let changes = self.look().await;
        (changes.opened.len() + changes.closed.len()) as u64 + changes.skipped
    }
}
