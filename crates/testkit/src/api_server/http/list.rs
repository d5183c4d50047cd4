//! What does a list answer, page by page?

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::json;

use super::faults::EndlessList;
use super::object::Object;
use super::requests::Parameters;
use super::resource::{Resource, Target};
use super::selector::Selection;
use super::state::State;
use super::status::Failure;

/// A client that never fetches its last page must not hold its list for ever.
const LISTS_KEPT: usize = 16;

/// Lists of which clients may still fetch pages: every page shows the moment of the first one.
#[derive(Debug, Default)]
pub(super) struct Pages {
    next: u64,
    kept: VecDeque<(u64, Arc<Listed>)>,
}

/// The selected objects at one moment.
#[derive(Debug)]
struct Listed {
    version: u64,
    objects: Vec<Arc<Object>>,
    everything: bool,
}

impl Pages {
    fn keep(&mut self, listed: Arc<Listed>) -> u64 {
        if self.kept.len() == LISTS_KEPT {
            self.kept.pop_front();
        }
        let number = self.number();
        self.kept.push_back((number, listed));
        number
    }

    /// A number that was never given.
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Expires every continue token.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
    }

    /// A token is the number of a kept list and a position in it.
    fn find(&self, token: &str) -> Result<(u64, usize, Arc<Listed>), Failure> {
        let invalid = || Failure::bad_request("continue key is not valid");
        let (number, offset) = token.split_once('-').ok_or_else(invalid)?;
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let offset = offset.parse().map_err(|_| invalid())?;
        let kept = self.kept.iter().find(|(kept, _)| *kept == number);
        let (_, listed) = kept.ok_or_else(Failure::continue_expired)?;
        Ok((number, offset, Arc::clone(listed)))
    }
}

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
