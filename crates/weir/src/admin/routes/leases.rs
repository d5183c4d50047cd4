//! Who looks at details?

use super::super::{
    api_error::ApiError,
    asked::{Asked, json},
    clock::{Clock, Time},
    leases::{HeldForm, MAX_LEASES},
};
use crate::http::Reply;
use serde::Serialize;

#[derive(Serialize)]
struct LeaseList {
    kind: &'static str,
    time: Time,
    limit: usize,
    items: Vec<HeldForm>,
}

/// Answers the route.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.query.only(&[])?;
    let clock = Clock::now();
    let items = asked.knowledge.leases.list(clock.instant);
    json(&LeaseList { kind: "LeaseList", time: clock.time(), limit: MAX_LEASES, items })
}
