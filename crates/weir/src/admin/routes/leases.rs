//! Who looks at details?

use crate::admin::{
    basics::{
        api_error::ApiError,
        clock::{Clock, Time},
    },
    known::leases::{HeldForm, MAX_LEASES},
    routes::asked::{Asked, json},
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
