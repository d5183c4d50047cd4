//! Which objects does a document hold? Lists are unpacked; kinds that weir does not read are skipped.

use super::location::Location;
use crate::{
    Event, FileProblem, Kind, Object, ObjectKey, Problem, Scope,
    translate::{Translate, translate},
};
use k8s_openapi::{
    Resource,
    api::{
        core::v1::{Node, Service},
        discovery::v1::EndpointSlice,
        networking::v1::ServiceCIDR,
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Outcome of reading one object of a document.
#[derive(Debug)]
pub(super) enum Found {
    /// The object exists; `None` if it is not for this proxy.
    Object(ObjectKey, Option<Object>),
    /// The object exists but cannot be used.
    Refused(ObjectKey),
    /// The object is of a kind that weir does not read.
    Skipped(String),
    /// The object cannot be identified.
    Unknown,
}

/// Reader of the objects of one document.
pub(super) struct Objects<'a> {
    pub(super) scope: &'a Scope,
    pub(super) found: Vec<(Location, Found)>,
    pub(super) problems: Vec<FileProblem>,
}

/// `apiVersion` and `kind` of items that do not say them, as in a `ServiceList`.
#[derive(Clone, Copy)]
struct Defaults<'a> {
    api_version: &'a str,
    kind: &'a str,
}

impl Objects<'_> {
    pub(super) fn read(&mut self, location: Location, value: Value) {
        self.read_item(location, value, Defaults { api_version: "", kind: "" });
    }

    fn read_item(&mut self, location: Location, mut value: Value, defaults: Defaults<'_>) {
        let Value::Object(fields) = &mut value else {
            // An explicit null is an empty document.
            if !value.is_null() {
                self.unknown(location, "is not an object");
            }
            return;
        };
        let word = |name: &str, default: &str| {
            let text = fields.get(name).map_or(Some(default), Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let (api_version, kind) = (word("apiVersion", defaults.api_version), word("kind", defaults.kind));
        let (Some(api_version), Some(kind)) = (api_version, kind) else {
            return self.unknown(location, "has no apiVersion and kind, so it cannot be identified");
        };
        if let (Some(of), Some(Value::Array(items))) = (kind.strip_suffix("List"), fields.get_mut("items")) {
            let items = std::mem::take(items);
            let api_version = if of.is_empty() { "" } else { &api_version };
            for (index, item) in items.into_iter().enumerate() {
                let dot = if location.item.is_empty() { "" } else { "." };
                let item_location =
                    Location { item: format!("{}{dot}items[{index}]", location.item), ..location.clone() };
                self.read_item(item_location, item, Defaults { api_version, kind: of });
            }
            return;
        }
        let is = |of: (&str, &str)| (api_version.as_str(), kind.as_str()) == of;
        if is(api_type::<Service>()) {
            self.read_object::<Service>(location, value);
        } else if is(api_type::<EndpointSlice>()) {
            self.read_object::<EndpointSlice>(location, value);
        } else if is(api_type::<Node>()) {
            self.read_object::<Node>(location, value);
        } else if is(api_type::<ServiceCIDR>()) {
            self.read_object::<ServiceCIDR>(location, value);
        } else {
            let api_type = format!("{api_version} {kind}").chars().take(MAX_KIND_CHARS).collect();
            self.found.push((location, Found::Skipped(api_type)));
        }
    }

    fn read_object<T: Translate + DeserializeOwned>(&mut self, location: Location, value: Value) {
        let key = key(T::KIND, &value);
        let object = match serde_path_to_error::deserialize::<_, T>(value) {
            Ok(object) => object,
            Err(error) => {
                let field = error.path().to_string();
                let message = error.into_inner().to_string();
                let object = key.as_ref().map_or_else(|| T::KIND.to_string(), ObjectKey::to_string);
                self.problems.push(location.field_problem(Problem { object, field, message, refused: true }));
                let found = key.map_or(Found::Unknown, Found::Refused);
                return self.found.push((location, found));
            }
        };
        let translation = translate(&object, self.scope);
        self.problems.extend(translation.problems.into_iter().map(|problem| location.field_problem(problem)));
        let found = match translation.event {
            Event::Put(key, object) => Found::Object(key, Some(object)),
            Event::Delete(key) => Found::Object(key, None),
            Event::Keep(key) if key.name.is_empty() => Found::Unknown,
            Event::Keep(key) => Found::Refused(key),
            Event::Begin(_) | Event::Complete(_) => Found::Unknown,
        };
        self.found.push((location, found));
    }

    fn unknown(&mut self, location: Location, message: &str) {
        self.problems.push(location.problem(message));
        self.found.push((location, Found::Unknown));
    }
}

/// Largest number of characters that are shown of an unknown kind's name.
const MAX_KIND_CHARS: usize = 100;

fn api_type<T: Resource>() -> (&'static str, &'static str) {
    (T::API_VERSION, T::KIND)
}

/// Key of an object that may be malformed otherwise.
fn key(kind: Kind, value: &Value) -> Option<ObjectKey> {
    let metadata = value.get("metadata")?;
    let name = metadata.get("name")?.as_str().filter(|name| !name.is_empty())?;
    let namespaced = matches!(kind, Kind::Service | Kind::EndpointSlice);
    let namespace = match metadata.get("namespace") {
        None | Some(Value::Null) if namespaced => "default",
        None | Some(Value::Null) => "",
        Some(namespace) => namespace.as_str()?,
    };
    Some(ObjectKey::new(kind, namespace, name))
}
