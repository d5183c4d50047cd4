//! Which run-time overrides are there, and how does an operator set and remove them?

use crate::admin::{
    basics::{api_error::ApiError, clock::Clock},
    known::{
        knowledge::Knowledge,
        override_form::{OverrideItem, count_matches},
    },
    routes::{
        asked::{Asked, json, json_with},
        list::{ListForm, Metadata, Start},
    },
};
use crate::http::Reply;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};
use weir_control::{Changed, Kept};
use weir_core::{Override, Overrides, Steered, TooManyOverrides, Weight};
use weir_proxy::{EventKind, Occurrence};

/// Time that the answer waits for the data plane to serve what was set.
const MAX_WAIT: Duration = Duration::from_secs(5);

const EXPECTED: &str =
    r#"expected {"endpoint": "10.0.0.7:8080", "drain": true} or {"node": "worker-1", "weight": 50}"#;

/// What an operator wants of an endpoint or a node.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    endpoint: Option<String>,
    node: Option<String>,
    #[serde(default)]
    drain: bool,
    weight: Option<u16>,
}

/// What became of a change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    kind: &'static str,
    #[serde(flatten)]
    item: OverrideItem,
    /// Whether it is served already.
    applied: bool,
    /// Whether a restart will know of it.
    kept: bool,
    /// Why not.
    reason: Option<String>,
}

/// Lists the overrides.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.query.only(&["limit", "continue"])?;
    let (limit, start) = (asked.query.limit()?, Start::read(&asked.query)?);
    let overrides = asked.knowledge.overrides().ok_or_else(ApiError::not_running)?.current();
    let snapshot = asked.knowledge.served.borrow().clone();
    let matches = count_matches(&snapshot, overrides.iter().map(|(target, _)| target));
    let item = |(target, said): (&Steered, &Override)| {
        OverrideItem::of(target, said, matches.get(target).copied().unwrap_or_default())
    };
    let items: Vec<OverrideItem> = overrides.iter().map(item).collect();
    let total = items.len();
    let (items, next) = start.page(items, limit, false, |item| item.form.id.clone());
    let mut metadata = Metadata::of(asked, &Clock::now(), total, Some(total));
    metadata.next = next;
    json(&ListForm { kind: "OverrideList", metadata, items })
}

/// Sets one, in place of an earlier one of the same endpoint or node.
pub(crate) async fn post(asked: &Asked<'_>, body: &[u8]) -> Result<Reply, ApiError> {
    asked.query.only(&[])?;
    let (target, said) = read(asked, body)?;
    let set = |all: &mut Overrides| {
        let before = all.get(&target).cloned();
        all.set(target.clone(), said.clone()).ok().map(|()| before)
    };
    let changed = change(asked.knowledge, set).await?;
    let Some((before, changed)) = changed else {
        return Err(ApiError::too_many_overrides(TooManyOverrides.to_string()));
    };
    let applied = applied(asked.knowledge, changed.generation).await;
    let what = match (said.drained, said.weight) {
        (true, _) => "is drained".to_owned(),
        (false, weight) => format!("has weight {}", weight.unwrap_or_default()),
    };
    record(asked, EventKind::OverrideSet, &target, &what);
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    json_with(status, &outcome(asked, &target, &said, &changed, applied))
}

/// Removes one.
pub(crate) async fn delete(asked: &Asked<'_>, target: &str) -> Result<Reply, ApiError> {
    asked.query.only(&[])?;
    let target: Steered =
        target.parse().map_err(|error| ApiError::invalid("id", target, format!("{error}")))?;
    let remove = |all: &mut Overrides| {
        let before = all.get(&target).cloned()?;
        all.set(target.clone(), Override::default()).ok()?;
        Some(before)
    };
    let Some((before, changed)) = change(asked.knowledge, remove).await? else {
        let known = asked.knowledge.overrides().map(|overrides| overrides.current()).unwrap_or_default();
        let known: Vec<String> = known.iter().map(|(target, _)| target.to_string()).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        return Err(ApiError::not_found("override of", &target.to_string(), &known));
    };
    let applied = applied(asked.knowledge, changed.generation).await;
    record(asked, EventKind::OverrideRemoved, &target, "is as its EndpointSlice says again");
    json(&outcome(asked, &target, &before, &changed, applied))
}

fn read(asked: &Asked<'_>, body: &[u8]) -> Result<(Steered, Override), ApiError> {
    let wanted: Wanted = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid_body(format!("{EXPECTED}: {error}")))?;
    let target = match (&wanted.endpoint, &wanted.node) {
        (Some(endpoint), None) => {
            endpoint.parse().ok().filter(|target| matches!(target, Steered::Endpoint { .. }))
        }
        (None, Some(node)) => Steered::node(node).ok(),
        _ => return Err(ApiError::invalid_body(format!("{EXPECTED}: exactly one of endpoint and node"))),
    };
    let target = target.ok_or_else(|| {
        ApiError::invalid_body(format!("{EXPECTED}: that is neither an address nor the name of a node"))
    })?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let said = Override {
        drained: wanted.drain,
        weight: wanted.weight.map(Weight::new),
        set_at: u64::try_from(now.as_millis()).unwrap_or_default(),
        by: asked.caller.to_string().into(),
    };
    if said.is_empty() {
        return Err(ApiError::invalid_body(format!("{EXPECTED}: drain or weight has to say something")));
    }
    Ok((target, said))
}

async fn change<T>(
    knowledge: &Knowledge,
    change: impl FnOnce(&mut Overrides) -> Option<T>,
) -> Result<Option<(T, Changed)>, ApiError> {
    let overrides = knowledge.overrides().ok_or_else(ApiError::not_running)?;
    overrides.change(change).await.map_err(|_| ApiError::not_running())
}

/// Waits until a generation is served; returns whether it is.
async fn applied(knowledge: &Knowledge, generation: u64) -> bool {
    let mut served = knowledge.served.clone();
    let is_served = served.wait_for(|snapshot| snapshot.generation >= generation);
    generation > 0 && tokio::time::timeout(MAX_WAIT, is_served).await.is_ok_and(|served| served.is_ok())
}

fn outcome(
    asked: &Asked<'_>,
    target: &Steered,
    said: &Override,
    changed: &Changed,
    applied: bool,
) -> Outcome {
    let snapshot = asked.knowledge.served.borrow().clone();
    let matches = count_matches(&snapshot, std::iter::once(target)).get(target).copied().unwrap_or_default();
    let reason = match &changed.kept {
        Kept::Kept => None,
        Kept::NoFolder => Some("there is no --state-dir".to_owned()),
        Kept::Failed(why) => Some(why.clone()),
    };
    let (kept, item) = (reason.is_none(), OverrideItem::of(target, said, matches));
    Outcome { kind: "Override", item, applied, kept, reason }
}

fn record(asked: &Asked<'_>, kind: EventKind, target: &Steered, what: &str) {
    tracing::info!(by = %asked.caller, "{target} {what}, by an operator");
    if let Some(observer) = asked.knowledge.observer() {
        observer.events().record(Occurrence::new(kind, format!("{target} {what}, by {}", asked.caller)));
    }
}
