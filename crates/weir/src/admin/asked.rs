//! What does a route get, and what does it give?

use super::{api_error::ApiError, caller::Caller, knowledge::Knowledge, query::Query};
use crate::http::{JSON, Lifetime, Reply, reply};
use hyper::StatusCode;
use serde::Serialize;

/// A request, as routes see it.
pub(super) struct Asked<'a> {
    pub(super) knowledge: &'a Knowledge,
    pub(super) caller: &'a Caller,
    pub(super) query: Query,
    /// Whether server-sent events are asked for.
    pub(super) as_stream: bool,
    pub(super) lifetime: Option<Lifetime>,
}

/// An answer in JSON.
pub(super) fn json(form: &impl Serialize) -> Result<Reply, ApiError> {
    let text = serde_json::to_vec(form)
        .map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))?;
    Ok(reply(StatusCode::OK, JSON, text))
}
