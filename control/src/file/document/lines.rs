//! On which line of a document is a field? Asked only for fields with a problem: the document is read once more.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, Options, Spanned};
use std::{cell::Cell, collections::BTreeMap, fmt};

/// One step on the way from a document to a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Item(usize),
}

/// Fields that are looked for, as a tree.
#[derive(Debug, Default)]
struct Wanted {
    children: BTreeMap<Step, Wanted>,
    /// Line of the field in the document, from 1; 0 until it is found.
    line: Cell<usize>,
}

/// Largest document in which lines are looked for, in bytes: reading a huge one twice would hold up the start.
const MAX_BYTES: usize = 16 << 20;

/// Finds the line of each field in a document of YAML or JSON, from 1. A field that is not there has the line of the
/// innermost field around it that is; `None` in a document of more than 16 MiB.
pub(in crate::file) fn find(text: &str, mut options: Options, fields: &[&str]) -> Vec<Option<usize>> {
    if text.len() > MAX_BYTES {
        return vec![None; fields.len()];
    }
    let mut wanted = Wanted::default();
    let paths: Vec<Vec<Step>> = fields.iter().map(|field| steps(field)).collect();
    for path in &paths {
        path.iter().fold(&mut wanted, |at, step| at.children.entry(step.clone()).or_default());
    }
    options.duplicate_keys = DuplicateKeyPolicy::LastWins;
    // What was found before a mistake counts.
    _ = serde_saphyr::with_deserializer_from_str_with_options(text, options, |document| {
        Walk(&wanted).deserialize(document)
    });
    let line = |path: &Vec<Step>| {
        let (mut at, mut line) = (&wanted, None);
        for step in path {
            at = at.children.get(step)?;
            match at.line.get() {
                0 => break,
                found => line = Some(found),
            }
        }
        line
    };
    paths.iter().map(line).collect()
}

/// Steps of a path such as `items[1].metadata.labels[kubernetes.io/service-name]`.
fn steps(field: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            // A key may contain brackets itself: it is the last step then.
            let is_index =
                inner.split_once(']').and_then(|(index, after)| Some((index.parse().ok()?, after)));
            match is_index {
                Some((index, after)) => {
                    steps.push(Step::Item(index));
                    rest = after;
                }
                None => {
                    let end = inner.rfind(']').unwrap_or(inner.len());
                    steps.push(Step::Key(inner.get(..end).unwrap_or_default().to_owned()));
                    rest = "";
                }
            }
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            steps.push(Step::Key(name.to_owned()));
            rest = if after.len() < rest.len() { after } else { "" };
        }
    }
    steps
}

/// Walk through a value, which stops at what nobody looks for.
#[derive(Clone, Copy)]
struct Walk<'a>(&'a Wanted);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.children.is_empty() {
            true => IgnoredAny::deserialize(deserializer).map(drop),
            false => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let line = usize::try_from(key.referenced.line()).unwrap_or_default();
            // An item of a list is where its first field is.
            if self.0.line.get() == 0 {
                self.0.line.set(line);
            }
            match self.0.children.get(&Step::Key(key.value)) {
                Some(child) => {
                    child.line.set(line);
                    map.next_value_seed(Walk(child))?;
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for index in 0.. {
            let more = match self.0.children.get(&Step::Item(index)) {
                Some(child) if child.children.is_empty() => {
                    let item = items.next_element::<Spanned<IgnoredAny>>()?;
                    let line = item.as_ref().and_then(|item| usize::try_from(item.referenced.line()).ok());
                    child.line.set(line.unwrap_or_default());
                    item.is_some()
                }
                Some(child) => items.next_element_seed(Walk(child))?.is_some(),
                None => items.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, fields: &[&str]) -> Vec<Option<usize>> {
        find(text, Options::default(), fields)
    }

    #[test]
    fn fields_of_a_yaml_document_are_found_on_their_lines() {
        let text = "kind: Service\nmetadata:\n  name: web\n  annotations:\n    weir.dev/balance: fair\nspec:\n  externalIPs:\n  \
                    - 1.2.3.4\n  - nonsense\n  ports:\n  - name: a\n    port: 1\n  - name: b\n    port: 70000\n";
        let fields = [
            "metadata.annotations[weir.dev/balance]",
            "spec.externalIPs[1]",
            "spec.ports[1].port",
            "spec.ports[1].protocol",
            "spec.ports[0]",
            "spec.clusterIP",
            "status.loadBalancer",
            "",
        ];
        let expected = [Some(5), Some(9), Some(14), Some(13), Some(11), Some(6), None, None];
        assert_eq!(lines(text, &fields), expected);
    }

    #[test]
    fn fields_of_json_are_found_too() {
        let text = "{\"kind\": \"List\",\n\t\"items\": [\n{\"spec\": {}},\n {\n\"spec\": {\n\"ports\": [{\n\"port\": 0}]}}]}";
        assert_eq!(lines(text, &["items[1].spec.ports[0].port", "items[0].spec"]), [Some(7), Some(3)]);
    }

    #[test]
    fn a_path_is_cut_into_steps() {
        let key = |text: &str| Step::Key(text.to_owned());
        let path = steps("items[12].metadata.labels[a.b/c]d]");
        assert_eq!(path, [key("items"), Step::Item(12), key("metadata"), key("labels"), key("a.b/c]d")]);
        for odd in ["[", "]", "..", "a..b", "[[", "[]", "a[1", "é[ü]"] {
            steps(odd);
        }
    }
}
