//! What does a route get, and what does it give?

use crate::admin::{
    basics::{api_error::ApiError, caller::Caller, query::Query},
    known::knowledge::Knowledge,
};
use crate::http::{JSON, Lifetime, Reply, reply};
use hyper::StatusCode;
use serde::Serialize;

/// A request, as routes see it.
pub(in crate::admin) struct Asked<'a> {
    pub(in crate::admin) knowledge: &'a Knowledge,
    pub(in crate::admin) caller: &'a Caller,
    pub(in crate::admin) query: Query,
    /// Whether server-sent events are asked for.
    pub(in crate::admin) as_stream: bool,
    pub(in crate::admin) lifetime: Option<Lifetime>,
}

/// An answer in JSON.
pub(in crate::admin) fn json(form: &impl Serialize) -> Result<Reply, ApiError> {
    let text = serde_json::to_vec(form)
        .map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))?;
    Ok(reply(StatusCode::OK, JSON, text))
}
