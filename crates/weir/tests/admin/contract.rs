//! Are the examples of docs/api.md what a running weir answers? Keys and kinds of values are compared.

use crate::client::{At, ask};
use serde_json::Value;
use std::fmt::Write as _;

const PAGE: &str = include_str!("../../../../docs/api.md");

/// An example: the request, and the answer that the page shows.
fn examples() -> Vec<(&'static str, Value)> {
    let mut found = Vec::new();
    let mut rest = PAGE;
    while let Some((_, after)) = rest.split_once("<!-- example: ") {
        let (request, after) = after.split_once(" -->").unwrap();
        let (_, after) = after.split_once("```json\n").unwrap();
        let (text, after) = after.split_once("```").unwrap();
        found
            .push((request, serde_json::from_str(text).unwrap_or_else(|error| panic!("{request}: {error}"))));
        rest = after;
    }
    found
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What differs between the form of an example and that of an answer. `null` fits everything; the items of a list are all like its
/// first.
fn differences(path: &str, example: &Value, answer: &Value, told: &mut String) {
    match (example, answer) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(example), Value::Object(answer)) => {
            for key in example.keys().filter(|key| !answer.contains_key(*key)) {
                let _ = writeln!(told, "{path}.{key} is on the page and not in the answer");
            }
            for key in answer.keys().filter(|key| !example.contains_key(*key)) {
                let _ = writeln!(told, "{path}.{key} is in the answer and not on the page");
            }
            for (key, value) in example {
                if let Some(other) = answer.get(key) {
                    differences(&format!("{path}.{key}"), value, other, told);
                }
            }
        }
        (Value::Array(example), Value::Array(answer)) => {
            let Some(like) = example.first() else { return };
            answer.iter().for_each(|item| differences(&format!("{path}[]"), like, item, told));
        }
        (example, answer) if kind(example) == kind(answer) => {}
        (example, answer) => {
            let _ =
                writeln!(told, "{path} is {} on the page and {} in the answer", kind(example), kind(answer));
        }
    }
}

/// Compares every example with the answer of a weir that serves the Service `default/web` at `to`.
pub(crate) fn assert_examples(at: &At, to: &str) {
    let examples = examples();
    assert!(examples.len() >= 11, "examples are missing");
    let mut told = String::new();
    for (request, example) in examples {
        let request = request.replace("10.96.0.10:80", to).replace("10.244.1.9", "127.0.0.1");
        let seen = ask(at, &request, "", "").unwrap();
        assert_eq!(seen.status, 200, "{request}: {}", String::from_utf8_lossy(&seen.body));
        let answer = seen.json();
        differences(&request, &example, &answer, &mut told);
        if let (Some(shown), Some(items)) = (example.get("items"), answer.get("items")) {
            let (shown, items) = (shown.as_array().unwrap(), items.as_array().unwrap());
            assert!(shown.is_empty() || !items.is_empty(), "{request}: nothing to compare");
        }
    }
    assert_eq!(told, "", "the page and the answers differ:\n{told}");
}
