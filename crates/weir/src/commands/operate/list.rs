//! How are lists read that come in pages?

use crate::{
    client::{Client, Failure, Query},
    output::part::Part,
};
use serde_json::Value;
use std::num::NonZeroUsize;

/// Items of the largest page (docs/api.md).
const MAX_PAGE: usize = 1000;

/// Items that are read at most: more than a weir has, and few enough to hold.
const MAX_ITEMS: usize = 1_000_000;

/// Reads a list up to a number of items, as one document. Its `metadata.continue` is null if those were all.
pub(crate) async fn list(
    client: &Client,
    query: &Query,
    limit: Option<NonZeroUsize>,
) -> Result<Value, Failure> {
    let limit = limit.map_or(MAX_ITEMS, NonZeroUsize::get).min(MAX_ITEMS);
    let mut items: Vec<Value> = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let page = query.clone().with("limit", MAX_PAGE.min(limit - items.len()));
        let mut page = client.get(&page.with_some("continue", next.as_ref())).await?;
        let of_page = match page["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        };
        let then = Part::of(&page).text("metadata.continue").map(str::to_owned);
        // A page that has nothing, or that continues with itself, would be asked for again and again.
        let ends = of_page.is_empty() || then.is_none() || then == next;
        items.extend(of_page);
        if ends || items.len() >= limit {
            let all_came = then.is_none();
            items.truncate(limit);
            page["items"] = Value::Array(items);
            if all_came && page["metadata"].is_object() {
                page["metadata"]["continue"] = Value::Null;
            }
            return Ok(page);
        }
        next = then;
    }
}

/// Note that there are more items than were read; `None` if there are not.
pub(super) fn note(list: &Value, what: &str) -> Option<String> {
    let list = Part::of(list);
    let shown = list.items("items").len();
    if !list.has("metadata.continue") {
        return None;
    }
    Some(match list.count("metadata.matched") {
        Some(matched) => format!("note: {shown} of {matched} {what} are shown; --limit shows more"),
        None => format!("note: {shown} {what} are shown, and there are more; --limit shows more"),
    })
}
