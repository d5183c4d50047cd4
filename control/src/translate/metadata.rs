//! What do identity, labels and optional names say, whether or not they are there?

use super::problems::Problems;
use crate::{Kind, ObjectKey, Problem, model::quoted};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{collections::BTreeMap, fmt::Display, sync::Arc};

/// Key of an object of a kind. Services and EndpointSlices without a namespace are in `default`.
pub(crate) fn key(kind: Kind, metadata: &ObjectMeta) -> ObjectKey {
    let namespaced = matches!(kind, Kind::Service | Kind::EndpointSlice);
    let namespace = metadata.namespace.as_deref().unwrap_or(if namespaced { "default" } else { "" });
    ObjectKey::new(kind, namespace, metadata.name.as_deref().unwrap_or_default())
}

/// Uid of an object; `None` if it has none that an API server would give (RFC 9562).
pub(super) fn uid(metadata: &ObjectMeta) -> Option<u128> {
    let text = metadata.uid.as_deref()?;
    let digits: String = text.chars().filter(|&char| char != '-').collect();
    let is_uid =
        text.len() == 36 && digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(&digits, 16).ok().filter(|_| is_uid)
}

pub(super) fn labels(metadata: &ObjectMeta) -> &BTreeMap<String, String> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    metadata.labels.as_ref().unwrap_or(&NONE)
}

pub(super) fn text(value: Option<&str>) -> Arc<str> {
    value.unwrap_or_default().into()
}

/// Longest name that the API allows, in bytes.
const MAX_NAME_BYTES: usize = 253;

/// Whether a text may be a name: weir writes names into its log and its metrics. Wider than what the API allows.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

/// Refuses an object for a name that an API server would refuse.
pub(super) fn check_name(problems: &Problems, field: impl Display, name: &str) -> Result<(), Problem> {
    if is_name(name) {
        return Ok(());
    }
    let message =
        format!("{} is not a name (a-z, 0-9, '-' and '.', up to 253); the object is refused", quoted(name));
    Err(problems.refusal(field, message))
}

/// Reads a name on which little depends: one that is none counts as absent.
pub(super) fn optional_name(
    problems: &mut Problems,
    field: impl Display,
    name: Option<&str>,
) -> Option<Arc<str>> {
    let name = name?;
    if !is_name(name) {
        problems.add_with(field, || format!("{} is not a name; it is ignored", quoted(name)));
        return None;
    }
    Some(name.into())
}
