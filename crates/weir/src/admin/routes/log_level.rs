//! By which filter are lines logged, and how does an operator set another one?

use crate::admin::{
    basics::{api_error::ApiError, clock::Time},
    routes::asked::{Asked, json},
};
use crate::{cli::log_filter, http::Reply};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};
use weir_proxy::{EventKind, Occurrence};

/// Time for which a filter can be set, at most.
const MAX_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

#[derive(Serialize)]
struct LogLevelForm {
    kind: &'static str,
    level: String,
    configured: String,
    until: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    level: String,
    for_seconds: Option<f64>,
}

/// Answers the route.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.query.only(&[])?;
    let state = asked.knowledge.log_level.state();
    json(&LogLevelForm {
        kind: "LogLevel",
        level: state.level,
        configured: state.configured,
        until: state.until.map(Time),
    })
}

/// Sets the filter.
pub(crate) fn put(asked: &Asked<'_>, body: &[u8]) -> Result<Reply, ApiError> {
    asked.query.only(&[])?;
    let wanted: Wanted = serde_json::from_slice(body).map_err(|error| {
        ApiError::invalid_body(format!(r#"expected {{"level": "debug", "forSeconds": 600}}: {error}"#))
    })?;
    let level = log_filter(&wanted.level).map_err(|why| ApiError::invalid_body(format!("level: {why}")))?;
    let lasts = match wanted.for_seconds {
        None => None,
        Some(seconds) if seconds > 0.0 && seconds <= MAX_SECONDS => Some(Duration::from_secs_f64(seconds)),
        Some(_) => {
            return Err(ApiError::invalid_body(format!(
                "forSeconds: must be more than 0 and at most {MAX_SECONDS}"
            )));
        }
    };
    let until = lasts.and_then(|lasts| SystemTime::now().checked_add(lasts));
    let change = asked
        .knowledge
        .log_level
        .set(&level, until)
        .map_err(|error| ApiError::internal(format!("the filter cannot be set: {error:#}")))?;
    tracing::info!(by = %asked.caller, level, "the log level was set through the admin socket");
    if let Some(observer) = asked.knowledge.observer() {
        let message = format!("log level {level}, by {}", asked.caller);
        observer.events().record(Occurrence::new(EventKind::LogLevelSet, message));
    }
    if let Some(lasts) = lasts {
        let knowledge = asked.knowledge.clone();
        tokio::spawn(async move {
            let stop = knowledge.closing().told();
            if stop.run_until_cancelled(tokio::time::sleep(lasts)).await.is_some() {
                knowledge.log_level.restore(change);
            }
        });
    }
    get(asked)
}
