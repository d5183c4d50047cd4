//! Which fields are there twice in a document of JSON? The last of them counts, as it does for an API server. YAML that
//! names one twice is not valid.

use super::fields::Path;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use std::{cell::RefCell, collections::HashSet, fmt};

/// Largest number of fields that are named of one document.
const MAX_NAMED: usize = 10;

/// Paths of the first fields that are there twice.
pub(in crate::file) fn find(json: &str) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_str(json);
    // A document that does not parse has a greater problem.
    _ = Search { path: Path::Root, found: &found }.deserialize(&mut deserializer);
    found.into_inner()
}

/// Search in one value.
#[derive(Clone, Copy)]
struct Search<'a> {
    path: Path<'a>,
    found: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut known = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let path = Path::Field(&self.path, &name);
            map.next_value_seed(Search { path, found: self.found })?;
            let mut found = self.found.borrow_mut();
            if known.contains(&name) && found.len() < MAX_NAMED {
                found.push(path.to_string());
            }
            known.insert(name);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for index in 0.. {
            let path = Path::Item(&self.path, index);
            if items.next_element_seed(Search { path, found: self.found })?.is_none() {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_there_twice_is_found_at_any_depth() {
        let json = r#"{"a": 1, "b": [{"c": 1}, {"c": 1, "d": null, "c": "x"}], "a": {"a": true, "e": 1.5}}"#;
        assert_eq!(find(json), ["b[1].c", "a"]);
        assert_eq!(find(&format!("{{{}}}", vec!["\"a\": 1"; 1000].join(","))).len(), 10);
    }
}
