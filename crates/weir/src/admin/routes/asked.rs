//! What does a route get, and what does it give?

use crate::admin::{
    basics::{api_error::ApiError, caller::Caller, query::Query},
    known::knowledge::Knowledge,
};
use crate::http::{JSON, Lifetime, Reply, reply};
use hyper::StatusCode;
use serde::Serialize;
use std::{collections::HashSet, sync::Arc};
use weir_core::ServiceKey;

/// A request, as routes see it.
pub(in crate::admin) struct Asked<'a> {
    pub(in crate::admin) knowledge: &'a Knowledge,
    pub(in crate::admin) caller: &'a Caller,
    pub(in crate::admin) query: Query,
    /// Whether server-sent events are asked for.
    pub(in crate::admin) as_stream: bool,
    pub(in crate::admin) lifetime: Option<Lifetime>,
}

impl Asked<'_> {
    /// Services that `labelSelector` chooses; `None` without the parameter.
    pub(in crate::admin) fn chosen(&self) -> Result<Option<Arc<HashSet<ServiceKey>>>, ApiError> {
        let Some(selector) = self.query.label_selector("labelSelector")? else { return Ok(None) };
        let chosen = self.knowledge.chosen(&selector).ok_or_else(ApiError::not_running)?;
        Ok(Some(Arc::new(chosen)))
    }
}

/// An answer in JSON.
pub(in crate::admin) fn json(form: &impl Serialize) -> Result<Reply, ApiError> {
    json_with(StatusCode::OK, form)
}

/// An answer in JSON with this status.
pub(in crate::admin) fn json_with(status: StatusCode, form: &impl Serialize) -> Result<Reply, ApiError> {
    let text = serde_json::to_vec(form)
        .map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))?;
    Ok(reply(status, JSON, text))
}
