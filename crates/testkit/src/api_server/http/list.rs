//! What does a list answer, page by page?

use std::sync::Arc;

use serde_json::json;

use crate::api_server::faults::EndlessList;
use crate::api_server::requests::Parameters;
use crate::api_server::resource::{Resource, Target};
use crate::api_server::state::State;
use crate::api_server::status::Failure;
use crate::api_server::store::{Listed, Object, Selection};

/// Answers one page as JSON.
pub(super) fn list(state: &State, target: &Target, parameters: &Parameters) -> Result<Vec<u8>, Failure> {
    let limit: usize = match parameters.get("limit").map(String::as_str) {
        None | Some("") => 0,
        Some(limit) => limit.parse().map_err(|_| Failure::bad_request("invalid limit"))?,
    };
    let goes_on = |token: &&String| !token.is_empty() && state.faults().endless_list.is_none();
    let (number, offset, listed) = match parameters.get("continue").filter(goes_on) {
        Some(token) => state.pages().find(token).map(|(number, at, listed)| (Some(number), at, listed))?,
        None => (None, 0, Arc::new(list_now(state, target, parameters)?)),
    };
    let rest = listed.objects.get(offset..).unwrap_or_default();
    let page = if limit == 0 { rest } else { &rest[..limit.min(rest.len())] };
    let mut metadata = json!({ "resourceVersion": listed.version.to_string() });
    let remaining = rest.len() - page.len();
    if remaining == 0 {
        state.count_complete_list(target.resource);
    } else {
        let number = number.unwrap_or_else(|| state.pages().keep(Arc::clone(&listed)));
        metadata["continue"] = format!("{number}-{}", offset + page.len()).into();
        if listed.everything {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    let endless = state.faults().endless_list;
    let page = match endless {
        None => page,
        Some(EndlessList::SamePage) => {
            metadata["continue"] = "same".into();
            page
        }
        Some(EndlessList::EmptyPages) => {
            metadata["continue"] = state.pages().number().to_string().into();
            &[]
        }
    };
    Ok(write(target.resource, &metadata.to_string(), page))
}

/// The resource version a list or watch asks for: none when unset or "any" (0).
pub(super) fn asked_version(parameters: &Parameters) -> Result<Option<u64>, Failure> {
    match parameters.get("resourceVersion").map(String::as_str) {
        None | Some("" | "0") => Ok(None),
        Some(text) => {
            let invalid = |_| Failure::bad_request(format!("invalid resource version: {text}"));
            text.parse().map(Some).map_err(invalid)
        }
    }
}

fn list_now(state: &State, target: &Target, parameters: &Parameters) -> Result<Listed, Failure> {
    let selection = Selection::parse(target, parameters)?;
    let store = state.store();
    let version = store.head();
    let requested = asked_version(parameters)?;
    if let Some(requested) = requested.filter(|&requested| requested > version) {
        return Err(Failure::too_new(requested, version));
    }
    let exact = parameters.get("resourceVersionMatch").is_some_and(|value| value == "Exact");
    if let Some(requested) = requested
        && exact
        && requested != version
    {
        return Err(Failure::too_old(requested, version));
    }
    let selected = store.objects(target.resource).filter(|object| selection.matches(object));
    Ok(Listed { version, objects: selected.cloned().collect(), everything: selection.is_everything() })
}

fn write(resource: Resource, metadata: &str, page: &[Arc<Object>]) -> Vec<u8> {
    let (kind, api_version) = (resource.kind(), resource.api_version());
    let head =
        format!(r#"{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":{metadata},"items":["#);
    let mut out = head.into_bytes();
    for (index, object) in page.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        object.write_item(&mut out);
    }
    out.extend_from_slice(b"]}");
    out
}
