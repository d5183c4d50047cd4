//! Which objects does a document hold? Lists are unpacked; kinds that weir does not read are skipped.

use super::{
    document::{fields::Fields, lines},
    kinds::{api_type, mistaken},
    location::Location,
    parse::{self, Document},
    report::MAX_PROBLEMS,
};
use crate::{
    Event, FileProblem, Kind, Object, ObjectKey, Scope,
    model::{MAX_TEXT_CHARS, quoted, shown},
    translate::{Problems, Translate, Translation, translate_with},
};
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
    networking::v1::ServiceCIDR,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::cell::RefCell;

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

/// Reader of the objects of one file.
pub(super) struct Objects<'a> {
    scope: &'a Scope,
    pub(super) found: Vec<(Location, Found)>,
    pub(super) problems: Vec<FileProblem>,
    /// Number of problems beyond those that are listed.
    pub(super) more: usize,
}

/// `apiVersion` and `kind` of items that do not say them, as in a `ServiceList`.
#[derive(Clone, Copy)]
struct Defaults<'a> {
    api_version: &'a str,
    kind: &'a str,
}

impl<'a> Objects<'a> {
    pub(super) fn new(scope: &'a Scope) -> Self {
        Self { scope, found: Vec::new(), problems: Vec::new(), more: 0 }
    }

    /// Reads the objects of a document, and finds the lines of the fields that have problems.
    pub(super) fn read(&mut self, location: Location, value: Value, document: &Document<'_>) {
        let before = self.problems.len();
        for path in &document.duplicates {
            let message = format!("duplicate field {}; the last one is used", quoted(path));
            let field = Some(shown(path, MAX_TEXT_CHARS));
            self.add(FileProblem { refused: false, field, ..location.problem(message) });
        }
        self.read_item(location, value, Defaults { api_version: "", kind: "" });
        let (_, new) = self.problems.split_at_mut(before);
        if new.is_empty() {
            return;
        }
        let fields: Vec<&str> =
            new.iter().map(|problem| problem.field.as_deref().unwrap_or_default()).collect();
        let lines = lines::find(document.text, parse::options(), &fields);
        for (problem, line) in new.iter_mut().zip(lines) {
            problem.line = line.map(|line| document.text_line + line - 1).or(problem.line);
        }
    }

    /// Adds a problem, if there are not too many already.
    pub(super) fn add(&mut self, problem: FileProblem) {
        match self.problems.len() < MAX_PROBLEMS {
            true => self.problems.push(problem),
            false => self.more += problem.count,
        }
    }

    fn read_item(&mut self, location: Location, mut value: Value, defaults: Defaults<'_>) {
        let Value::Object(fields) = &mut value else {
            match (value.is_null(), location.item.is_empty()) {
                (false, _) => self.unknown(location, "is not an object"),
                // An explicit null is an empty document.
                (true, true) => {}
                // In a list it may be what a template has made of nothing: no object is missing.
                (true, false) => {
                    let problem = location.problem("is null; it is passed over");
                    self.add(FileProblem { refused: false, ..problem });
                }
            }
            return;
        };
        let word = |name: &str, default: &str| {
            let text = fields.get(name).map_or(Some(default), Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let (api_version, kind) = (word("apiVersion", defaults.api_version), word("kind", defaults.kind));
        let (api_version, kind) = match (api_version, kind) {
            (Some(api_version), Some(kind)) => (api_version, kind),
            (None, None) => {
                return self.unknown(location, "has no apiVersion and kind, so it cannot be identified");
            }
            (None, _) => return self.unknown(location, "has no apiVersion, so it cannot be identified"),
            (_, None) => return self.unknown(location, "has no kind, so it cannot be identified"),
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
            self.skip(location, &api_version, &kind);
        }
    }

    fn read_object<T: Translate + DeserializeOwned>(&mut self, location: Location, value: Value) {
        let key = key(T::KIND, &value);
        let problems = RefCell::new(match &key {
            Some(key) => Problems::of(key),
            None => Problems::of(T::KIND),
        });
        let read = serde_path_to_error::deserialize::<_, T>(Fields::of(&value, &problems));
        let mut problems = problems.into_inner();
        let (found, problems) = match read {
            Ok(object) => {
                let Translation { event, problems, .. } = translate_with(&object, self.scope, problems);
                (found(event), problems)
            }
            Err(error) => {
                let field = error.path().to_string();
                problems.add_first(problems.refusal(field, error.into_inner()));
                (key.map_or(Found::Unknown, Found::Refused), problems.list())
            }
        };
        for problem in problems {
            self.add(location.field_problem(problem));
        }
        self.found.push((location, found));
    }

    /// Skips an object of a kind that weir does not read.
    fn skip(&mut self, location: Location, api_version: &str, kind: &str) {
        if let Some(message) = mistaken(api_version, kind) {
            self.add(FileProblem { refused: false, ..location.problem(message) });
            return;
        }
        let api_type = shown(format_args!("{api_version} {kind}"), MAX_TEXT_CHARS);
        self.found.push((location, Found::Skipped(api_type)));
    }

    fn unknown(&mut self, location: Location, message: &str) {
        self.add(location.problem(message));
        self.found.push((location, Found::Unknown));
    }
}

fn found(event: Event) -> Found {
    match event {
        Event::Put(key, object) => Found::Object(key, Some(object)),
        Event::Delete(key) => Found::Object(key, None),
        Event::Keep(key) if key.name.is_empty() => Found::Unknown,
        Event::Keep(key) => Found::Refused(key),
        Event::Begin(_) | Event::Complete(_) => Found::Unknown,
    }
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
