//! What does the server keep of one object?

use hyper::body::Bytes;
use serde_json::{Map, Value};

use crate::api_server::resource::Resource;

/// A stored object. Kept as bytes, beside what selectors look at, because a parsed tree takes ten times the
/// memory and tests hold tens of thousands of objects.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) labels: Vec<(String, String)>,
    /// Values of the resource's selectable fields, in their order; empty where absent.
    pub(crate) fields: Vec<String>,
    resource: Resource,
    /// JSON without `apiVersion` and `kind`, which a real API server leaves out of list items.
    body: Bytes,
}

impl Object {
    /// Makes an object of `value`, whose metadata gets this version, and this `uid` if there is none.
    pub(crate) fn new(resource: Resource, mut value: Map<String, Value>, version: u64, uid: &str) -> Self {
        value.remove("apiVersion");
        value.remove("kind");
        let metadata = value.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        metadata["resourceVersion"] = version.to_string().into();
        if metadata["uid"].is_null() {
            metadata["uid"] = uid.into();
        }
        let labels = metadata["labels"].as_object().into_iter().flatten();
        let labels = labels.map(|(key, value)| (key.clone(), text(value))).collect();
        let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
        let uid = text(&metadata["uid"]);
        let value = Value::Object(value);
        let fields = resource.selectable_fields().iter().map(|path| field(&value, path)).collect();
        let body = Bytes::from(value.to_string());
        Self { namespace, name, uid, labels, fields, resource, body }
    }

    /// The object as of another version, for a deletion or for leaving a watch's selection.
    pub(crate) fn at(&self, version: u64) -> Self {
        Self::new(self.resource, self.untyped(), version, &self.uid)
    }

    /// Writes the object as an item of a list.
    pub(crate) fn write_item(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.body);
    }

    /// Writes the object alone, with `apiVersion` and `kind`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let (api_version, kind) = (self.resource.api_version(), self.resource.kind());
        out.extend_from_slice(format!(r#"{{"apiVersion":"{api_version}","kind":"{kind}","#).as_bytes());
        // The body is an object with at least `metadata`: its brace is replaced by the head above.
        out.extend_from_slice(&self.body[1..]);
    }

    /// The parsed object with `apiVersion` and `kind`.
    pub(crate) fn value(&self) -> Value {
        let mut value = self.untyped();
        value.insert("apiVersion".to_owned(), self.resource.api_version().into());
        value.insert("kind".to_owned(), self.resource.kind().into());
        Value::Object(value)
    }

    fn untyped(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.body).expect("the body was written from a JSON object")
    }
}

fn field(value: &Value, path: &str) -> String {
    path.split('.').try_fold(value, |value, key| value.get(key)).map(text).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
