//! In which format is a result printed? As columns for people, or as a document for programs.

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

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
            Self::Json => Ok(serde_json::to_string_pretty(document).context("cannot write JSON")? + "\n"),
            Self::Yaml => {
                // By way of JSON's values, so that both have the same fields in the same form.
                let value = serde_json::to_value(document).context("cannot write JSON")?;
                serde_saphyr::to_string(&value).context("cannot write YAML")
            }
        }
    }
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

    const DOCUMENT: Document = Document { names: ["a", "true"], none: None, text: "a: b\n\u{1b}[2J" };

    #[test]
    fn yaml_says_what_json_says_and_steers_no_terminal() {
        let [json, yaml] =
            [Output::Json, Output::Yaml].map(|format| format.text(&DOCUMENT, |_| String::new()));
        let (json, yaml) = (json.unwrap(), yaml.unwrap());
        let [json_value, yaml_value]: [serde_json::Value; 2] =
            [serde_json::from_str(&json).unwrap(), serde_saphyr::from_str(&yaml).unwrap()];
        assert_eq!(json_value, yaml_value, "{yaml}");
        assert!(!json.contains('\u{1b}') && !yaml.contains('\u{1b}'), "{yaml}");
        assert!(json.ends_with("}\n") && yaml.ends_with('\n'));
    }

    #[test]
    fn people_get_a_page_and_a_wide_one_if_they_ask_for_it() {
        let [table, wide] = [Output::Table, Output::Wide]
            .map(|format| format.text(&DOCUMENT, |wide| wide.to_string()).unwrap());
        assert_eq!((&*table, &*wide), ("false", "true"));
    }
}
