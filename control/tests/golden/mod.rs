//! What are the cases of the golden vectors, and the events of their objects?
#![allow(dead_code, reason = "each test binary uses a part")]

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{fs, path::Path};
use weir_control::{
    Event, Scope,
    translate::{Translate, translate},
};

/// The cases of one file.
pub(crate) fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["format"], 1);
    let Value::Array(cases) = file["cases"].take() else { panic!("no cases in {}", path.display()) };
    cases
}

/// What the store is told of an object.
pub(crate) fn event<T: Translate + DeserializeOwned>(object: &Value) -> Event {
    let object: T = serde_json::from_value(object.clone()).unwrap();
    translate(&object, &Scope::default()).event
}

/// The same for a list of objects, which may be null.
pub(crate) fn events<T: Translate + DeserializeOwned>(objects: &Value) -> Vec<Event> {
    objects.as_array().into_iter().flatten().map(event::<T>).collect()
}
