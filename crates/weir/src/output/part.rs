//! What does a JSON document say at a place? For documents of another weir, which may be older or newer than this one.

use serde_json::Value;

/// Text for what a document does not say.
const NOTHING: &str = "-";

/// Part of a document. What is missing, null or of another type than is asked for is not there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a>(&'a Value);

impl<'a> Part<'a> {
    /// Whole document.
    pub(crate) fn of(document: &'a Value) -> Self {
        Self(document)
    }

    /// Part at a path of keys, as in `connections.active`; the empty path is the part itself.
    pub(crate) fn at(self, path: &str) -> Self {
        if path.is_empty() {
            return self;
        }
        Self(path.split('.').fold(self.0, |value, key| &value[key]))
    }

    /// Document of the part by itself.
    pub(crate) fn document(self) -> Value {
        self.0.clone()
    }

    /// Items of a list; none if there is no list.
    pub(crate) fn items(self, path: &str) -> impl ExactSizeIterator<Item = Self> + Clone + use<'a> {
        self.at(path).0.as_array().map_or(&[][..], Vec::as_slice).iter().map(Self)
    }

    /// Text at a path.
    pub(crate) fn text(self, path: &str) -> Option<&'a str> {
        self.at(path).0.as_str()
    }

    /// Text at a path, else a dash.
    pub(crate) fn text_or_dash(self, path: &str) -> &'a str {
        self.text(path).filter(|text| !text.is_empty()).unwrap_or(NOTHING)
    }

    /// Whole number that is not negative.
    pub(crate) fn count(self, path: &str) -> Option<u64> {
        self.at(path).0.as_u64()
    }

    /// Number at a path.
    pub(crate) fn number(self, path: &str) -> Option<f64> {
        self.at(path).0.as_f64()
    }

    /// Truth value at a path.
    pub(crate) fn flag(self, path: &str) -> Option<bool> {
        self.at(path).0.as_bool()
    }

    /// Whether anything is at a path.
    pub(crate) fn has(self, path: &str) -> bool {
        !self.at(path).0.is_null()
    }

    /// Whether the document says something of this name, be it that there is nothing.
    pub(crate) fn says(self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// Whole number as text, else a dash.
    pub(crate) fn count_or_dash(self, path: &str) -> String {
        self.count(path).map_or_else(|| NOTHING.to_owned(), |count| count.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_missing_null_or_of_another_type_is_not_there() {
        let document = json!({"a": {"b": "text", "n": 3, "none": null, "f": true, "list": [{"x": 1}, 7]}});
        let part = Part::of(&document);
        assert_eq!((part.text("a.b"), part.text("a.n"), part.text("a.b.c.d")), (Some("text"), None, None));
        assert_eq!((part.count("a.n"), part.count("a.b"), part.number("a.n")), (Some(3), None, Some(3.0)));
        assert_eq!((part.flag("a.f"), part.has("a.none"), part.has("a.b")), (Some(true), false, true));
        let items: Vec<String> = part.items("a.list").map(|item| item.count_or_dash("x")).collect();
        assert_eq!(items, ["1", "-"]);
        assert_eq!((part.items("a.n").len(), part.text_or_dash("a.n")), (0, "-"));
    }
}
