//! How are server-sent events told? For as long as the client reads; what it does not read in time is dropped, not kept.

use crate::admin::{
    basics::{api_error::ApiError, caller::Caller, clock::Clock, query::Query},
    known::{knowledge::Knowledge, leases::LeaseForm},
    routes::{
        asked::Asked,
        list::ListForm,
        services::{
            port_form::PortForm,
            ports as services,
            service::{self, ServiceForm},
        },
        summary::{self, SummaryForm},
    },
};
use crate::http::{self, Reply};
use hyper::body::Bytes;
use serde::Serialize;
use std::time::Duration;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, MissedTickBehavior, interval},
};
use weir_core::ServiceKey;

/// Time between two events.
const EVERY: Duration = Duration::from_secs(1);

/// Time after which a stream without events says that it lives.
const ALIVE_AFTER: Duration = Duration::from_secs(15);

/// Source of the events of one stream.
pub(in crate::admin) trait Feed: Send + 'static {
    /// The next event, as bytes to be sent; `None` if there is nothing to tell. `dropped` is what [`Self::lost`] has counted.
    fn next(&mut self, dropped: u64) -> impl Future<Output = Option<Vec<u8>>> + Send;

    /// Passes over what there would be to tell, which nobody reads; returns how much that was.
    fn lost(&mut self) -> impl Future<Output = u64> + Send;
}

/// An event of a kind, as bytes to be sent.
pub(in crate::admin) fn event(
    kind: &str,
    id: Option<u64>,
    form: &impl Serialize,
) -> Result<Vec<u8>, ApiError> {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    let mut bytes = format!("event: {kind}\n{id}data: ").into_bytes();
    serde_json::to_writer(&mut bytes, form).map_err(|error| ApiError::internal(error.to_string()))?;
    bytes.extend_from_slice(b"\n\n");
    Ok(bytes)
}

/// Answers with a stream that begins with `first`.
pub(in crate::admin) fn start(asked: &Asked<'_>, first: Option<Vec<u8>>, mut feed: impl Feed) -> Reply {
    // One event may wait until the client reads; the next is made only then.
    let (sender, parts) = mpsc::channel::<Bytes>(1);
    if let Some(first) = first {
        let _ = sender.try_send(first.into());
    }
    let stop = asked.knowledge.closing().told();
    tokio::spawn(async move {
        stop.run_until_cancelled(feed_until_gone(&mut feed, sender)).await;
    });
    http::stream(parts, asked.lifetime.clone())
}

async fn feed_until_gone(feed: &mut impl Feed, sender: mpsc::Sender<Bytes>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let (mut dropped, mut told) = (0, Instant::now());
    loop {
        tokio::select! {
            () = sender.closed() => return,
            _ = ticks.tick() => {}
        }
        let permit = match sender.try_reserve() {
            Ok(permit) => permit,
            Err(TrySendError::Closed(())) => return,
            Err(TrySendError::Full(())) => {
                dropped += feed.lost().await;
                continue;
            }
        };
        let next = feed.next(std::mem::take(&mut dropped)).await;
        let is_quiet = told.elapsed() >= ALIVE_AFTER;
        if let Some(bytes) = next.or_else(|| is_quiet.then(|| b": alive\n\n".to_vec())) {
            permit.send(bytes.into());
            told = Instant::now();
        }
    }
}

#[derive(Serialize)]
struct SnapshotForm {
    kind: &'static str,
    summary: SummaryForm,
    services: ListForm<PortForm>,
    focus: Option<ServiceForm>,
    lease: Option<LeaseForm>,
}

/// Answers the route: the summary and a page of Services each second.
pub(crate) fn get(asked: Asked<'_>) -> Result<Reply, ApiError> {
    let known = [&services::PARAMETERS[..], &["detail", "focus"]].concat();
    asked.query.only(&known)?;
    let focus = asked.query.get("focus").map(|text| {
        let parts =
            text.split_once('/').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
        let why = "must be NAMESPACE/NAME";
        parts
            .map(|(namespace, name)| ServiceKey::new(namespace, name))
            .ok_or_else(|| ApiError::invalid("focus", text, why))
    });
    let snapshots = Snapshots {
        knowledge: asked.knowledge.clone(),
        caller: asked.caller.clone(),
        query: asked.query.clone(),
        focus: focus.transpose()?,
        has_detail: asked.query.flag("detail")?,
    };
    // What is wrong is said at once.
    services::list(&asked)?;
    Ok(start(&asked, None, snapshots))
}

struct Snapshots {
    knowledge: Knowledge,
    caller: Caller,
    query: Query,
    focus: Option<ServiceKey>,
    has_detail: bool,
}

impl Snapshots {
    async fn form(&self) -> Result<SnapshotForm, ApiError> {
        let asked = Asked {
            knowledge: &self.knowledge,
            caller: &self.caller,
            query: self.query.clone(),
            as_stream: true,
            lifetime: None,
        };
        let lease = match self.has_detail {
            true => self.knowledge.leases.take(&self.caller, Clock::now().instant).ok(),
            false => None,
        };
        let focus = match &self.focus {
            Some(key) => service::form(&asked, key, lease).await.ok(),
            None => None,
        };
        Ok(SnapshotForm {
            kind: "Snapshot",
            summary: summary::form(&asked).await?,
            services: services::list(&asked)?,
            focus,
            lease,
        })
    }
}

impl Feed for Snapshots {
    async fn next(&mut self, _dropped: u64) -> Option<Vec<u8>> {
        event("snapshot", None, &self.form().await.ok()?).ok()
    }

    async fn lost(&mut self) -> u64 {
        1
    }
}
