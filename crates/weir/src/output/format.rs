//! In which format is a result printed? As columns for people, or as a document for programs.

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};
use weir_core::is_unprintable;

/// Format of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Columns for people
    #[default]
    Table,
    /// More columns, and longer ones
    Wide,
    /// JSON for programs
    Json,
    /// The JSON as YAML
    Yaml,
}

impl Output {
    /// Whether everything is shown, also what costs something to collect.
    pub(crate) fn has_details(self) -> bool {
        self != Self::Table
    }

    /// Text of a result: the document in the wanted format, or what `page` makes for people, who may want it `wide`.
    ///
    /// # Errors
    /// A result that cannot be written as JSON or YAML, which is a fault of weir.
    pub(crate) fn text<T: Serialize>(
        self,
        document: &T,
        page: impl FnOnce(bool) -> String,
    ) -> anyhow::Result<String> {
        match self {
            Self::Table => Ok(page(false)),
            Self::Wide => Ok(page(true)),
            Self::Json => {
                let text = serde_json::to_string_pretty(document).context("cannot write JSON")?;
                Ok(without_commands(&text) + "\n")
            }
            Self::Yaml => {
                // By way of JSON's values, so that both have the same fields in the same form.
                let value = serde_json::to_value(document).context("cannot write JSON")?;
                yaml(&value)
            }
        }
    }

    /// One of several documents that come bit by bit, for programs: a line of JSON, or a document of YAML, with its name as
    /// `event`.
    ///
    /// # Errors
    /// A document that cannot be written as YAML, which is a fault of weir.
    pub(crate) fn line(self, event: &str, document: &Value) -> anyhow::Result<String> {
        let named = json!({ "event": event, "data": document });
        match self {
            Self::Yaml => Ok(format!("---\n{}", yaml(&named)?)),
            _ => Ok(without_commands(&named.to_string()) + "\n"),
        }
    }
}

/// YAML, in which commands to a terminal are escapes in quotes. Marks of direction and of no width become escapes, too, also in
/// texts without quotes: whoever hides something by them loses what it means to programs.
fn yaml(value: &Value) -> anyhow::Result<String> {
    Ok(without_commands(&serde_saphyr::to_string(value).context("cannot write YAML")?))
}

/// JSON or YAML with whatever may steer a terminal as an escape, which means the same in a text in quotes.
fn without_commands(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    for character in document.chars() {
        match character {
            '\n' => text.push(character),
            // All of them are in the first plane, so that four digits do.
            other if is_unprintable(other) => text += &format!("\\u{:04x}", u32::from(other)),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Document {
        names: [&'static str; 2],
        none: Option<u8>,
        text: &'static str,
    }

    const DOCUMENT: Document =
        Document { names: ["a", "true"], none: None, text: "a: b\n\u{1b}[2J\u{9b}31m\u{202e}" };

    #[test]
    fn yaml_says_what_json_says_and_steers_no_terminal() {
        let [json, yaml] =
            [Output::Json, Output::Yaml].map(|format| format.text(&DOCUMENT, |_| String::new()));
        let (json, yaml) = (json.unwrap(), yaml.unwrap());
        let [json_value, yaml_value]: [serde_json::Value; 2] =
            [serde_json::from_str(&json).unwrap(), serde_saphyr::from_str(&yaml).unwrap()];
        assert_eq!(json_value, yaml_value, "{yaml}");
        for document in [&json, &yaml] {
            assert!(!document.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{document:?}");
        }
        assert!(json.ends_with("}\n") && yaml.ends_with('\n'));
    }

    #[test]
    fn people_get_a_page_and_a_wide_one_if_they_ask_for_it() {
        let [table, wide] = [Output::Table, Output::Wide]
            .map(|format| format.text(&DOCUMENT, |wide| wide.to_string()).unwrap());
        assert_eq!((&*table, &*wide), ("false", "true"));
    }
}
