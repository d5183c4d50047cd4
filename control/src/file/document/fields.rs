//! Which fields of an object does its type not have? The types are those of k8s-openapi, whose `Deserialize` names its
//! fields; so there is no schema beside them.

use crate::{
    model::{MAX_TEXT_CHARS, shown},
    translate::{Problems, did_you_mean},
};
use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor, value::StrDeserializer},
    forward_to_deserialize_any,
};
use serde_json::{Error, Map, Value, map, value::Number};
use std::{cell::RefCell, fmt, slice};

/// Deserializer of a value that reports the fields that a struct does not have.
#[derive(Clone, Copy)]
pub(in crate::file) struct Fields<'a> {
    value: &'a Value,
    path: Path<'a>,
    problems: &'a RefCell<Problems>,
}

/// Path of a value, as a list from the inside out.
#[derive(Clone, Copy)]
pub(in crate::file) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl<'a> Fields<'a> {
    pub(in crate::file) fn of(value: &'a Value, problems: &'a RefCell<Problems>) -> Self {
        Self { value, path: Path::Root, problems }
    }

    /// Reports the keys of an object that are none of the fields of its type, in the words of `kubectl --validate=strict`.
    fn check(&self, object: &Map<String, Value>, fields: &[&str]) {
        for name in object.keys().filter(|name| !fields.contains(&name.as_str())) {
            let path = Path::Field(&self.path, name);
            let message = || {
                let path = shown(path, MAX_TEXT_CHARS);
                format!("unknown field \"{path}\"{}; it is ignored", did_you_mean(name, fields))
            };
            self.problems.borrow_mut().add_with(path, message);
        }
    }
}

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => visit_number(number, visitor),
            Value::String(text) => visitor.visit_str(text),
            Value::Array(items) => visitor.visit_seq(Items { parent: self, items: items.iter(), index: 0 }),
            Value::Object(object) => {
                visitor.visit_map(Entries { parent: self, entries: object.iter(), value: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Value::Object(object) = self.value {
            self.check(object, fields);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier
    }
}

fn visit_number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Error> {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => visitor.visit_u64(number),
        (None, Some(number)) => visitor.visit_i64(number),
        (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
    }
}

/// Items of a list.
struct Items<'a> {
    parent: Fields<'a>,
    items: slice::Iter<'a, Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.items.next() else { return Ok(None) };
        let path = Path::Item(&self.parent.path, self.index);
        self.index += 1;
        seed.deserialize(Fields { value, path, problems: self.parent.problems }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// Entries of an object.
struct Entries<'a> {
    parent: Fields<'a>,
    entries: map::Iter<'a>,
    /// Entry whose key was read last.
    value: Option<(&'a str, &'a Value)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some((name, value));
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let (name, value) = self.value.take().unwrap_or(("", &Value::Null));
        let path = Path::Field(&self.parent.path, name);
        seed.deserialize(Fields { value, path, problems: self.parent.problems })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
    use serde::Deserialize;
    use serde_json::json;

    fn unknown<T: for<'de> Deserialize<'de>>(value: &Value) -> Vec<String> {
        let problems = RefCell::new(Problems::of("It"));
        T::deserialize(Fields::of(value, &problems)).unwrap();
        problems.into_inner().list().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn misspelt_fields_are_named_by_their_path_and_with_the_nearest_one() {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "nam": "web", "annotations": { "prots": "1" } },
            "spec": { "prots": [], "clusterip": "10.0.0.1", "ports": [{ "port": 80 }, { "port": 81, "targetport": 8 }] },
        });
        let expected = [
            "It: metadata.nam: unknown field \"metadata.nam\" (did you mean \"name\"?); it is ignored",
            "It: spec.clusterip: unknown field \"spec.clusterip\" (did you mean \"clusterIP\"?); it is ignored",
            "It: spec.prots: unknown field \"spec.prots\" (did you mean \"ports\"?); it is ignored",
            "It: spec.ports[1].targetport: unknown field \"spec.ports[1].targetport\" (did you mean \"targetPort\"?); it is \
             ignored",
        ];
        assert_eq!(unknown::<Service>(&service), expected);
    }

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        let slice = json!({
            "metadata": { "name": "a", "creationTimestamp": "2026-01-02T03:04:05Z", "managedFields": [{ "fieldsV1":
            { "f:spec": {} } }] }, "addressType": "IPv4", "ports": [{ "port": 80, "name": null }],
            "endpoints": [{ "addresses": ["10.0.0.1"], "conditions": { "ready": true }, "hints": { "forZones": [{ "name":
            "a" }] } }],
        });
        let problems = RefCell::new(Problems::of("It"));
        let read = EndpointSlice::deserialize(Fields::of(&slice, &problems)).unwrap();
        assert_eq!(read, serde_json::from_value(slice).unwrap());
        assert!(problems.into_inner().list().is_empty());
    }
}
