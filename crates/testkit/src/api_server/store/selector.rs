//! Which objects does a request select?

use super::object::Object;
use crate::api_server::requests::Parameters;
use crate::api_server::resource::{Resource, Target};
use crate::api_server::status::Failure;

/// Namespace, label selector and field selector of one list or watch.
#[derive(Debug)]
pub(crate) struct Selection {
    namespace: Option<String>,
    labels: Vec<LabelRequirement>,
    fields: Vec<FieldRequirement>,
}

impl Selection {
    /// Parses the selectors among `parameters`.
    pub(crate) fn parse(target: &Target, parameters: &Parameters) -> Result<Self, Failure> {
        let parameter = |key| parameters.get(key).map_or("", String::as_str);
        let labels = split_outside_parentheses(parameter("labelSelector"))
            .map(LabelRequirement::parse)
            .collect::<Result<_, _>>()?;
        let fields = split_outside_parentheses(parameter("fieldSelector"))
            .map(|text| FieldRequirement::parse(target.resource, text))
            .collect::<Result<_, _>>()?;
        Ok(Self { namespace: target.namespace.clone(), labels, fields })
    }

    /// Whether no selector narrows the selection, apart from the namespace.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is selected.
    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| *namespace == object.namespace)
            && self.labels.iter().all(|requirement| requirement.matches(object))
            && self.fields.iter().all(|requirement| requirement.matches(object))
    }
}

#[derive(Debug)]
struct LabelRequirement {
    key: String,
    accepts: Accepts,
}

#[derive(Debug)]
enum Accepts {
    Present,
    Absent,
    OneOf(Vec<String>),
    /// Also true of an object without the label, as in Kubernetes.
    NoneOf(Vec<String>),
}

impl LabelRequirement {
    fn parse(text: &str) -> Result<Self, Failure> {
        let (key, accepts) = if let Some((key, values)) = split_set(text, " notin ") {
            (key, Accepts::NoneOf(values))
        } else if let Some((key, values)) = split_set(text, " in ") {
            (key, Accepts::OneOf(values))
        } else if let Some((key, equal, value)) = split_equation(text) {
            let values = vec![value.to_owned()];
            (key, if equal { Accepts::OneOf(values) } else { Accepts::NoneOf(values) })
        } else if let Some(key) = text.strip_prefix('!') {
            (key.trim(), Accepts::Absent)
        } else {
            (text, Accepts::Present)
        };
        if key.is_empty() || key.contains(|letter: char| " ()!,=".contains(letter)) {
            return Err(Failure::bad_request(format!("unable to parse requirement: {text}")));
        }
        Ok(Self { key: key.to_owned(), accepts })
    }

    fn matches(&self, object: &Object) -> bool {
        let value = object.labels.iter().find(|(key, _)| *key == self.key).map(|(_, value)| value);
        match &self.accepts {
            Accepts::Present => value.is_some(),
            Accepts::Absent => value.is_none(),
            Accepts::OneOf(values) => value.is_some_and(|value| values.contains(value)),
            Accepts::NoneOf(values) => value.is_none_or(|value| !values.contains(value)),
        }
    }
}

#[derive(Debug)]
struct FieldRequirement {
    field: Field,
    equal: bool,
    value: String,
}

#[derive(Debug)]
enum Field {
    Name,
    Namespace,
    /// Position among the resource's selectable fields.
    Selectable(usize),
}

impl FieldRequirement {
    fn parse(resource: Resource, text: &str) -> Result<Self, Failure> {
        let (path, equal, value) = split_equation(text)
            .ok_or_else(|| Failure::bad_request(format!("invalid field selector: {text}")))?;
        let field = match path {
            "metadata.name" => Field::Name,
            "metadata.namespace" => Field::Namespace,
            _ => resource
                .selectable_fields()
                .iter()
                .position(|field| *field == path)
                .map(Field::Selectable)
                .ok_or_else(|| Failure::bad_request(format!("field label not supported: {path}")))?,
        };
        Ok(Self { field, equal, value: value.to_owned() })
    }

    fn matches(&self, object: &Object) -> bool {
        let value = match self.field {
            Field::Name => &object.name,
            Field::Namespace => &object.namespace,
            Field::Selectable(index) => &object.fields[index],
        };
        (*value == self.value) == self.equal
    }
}

fn split_outside_parentheses(selector: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    selector
        .split(move |letter| {
            match letter {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            letter == ',' && depth == 0
        })
        .map(str::trim)
        .filter(|requirement| !requirement.is_empty())
}

/// `key in (a, b)` as key and values.
fn split_set<'text>(text: &'text str, operator: &str) -> Option<(&'text str, Vec<String>)> {
    let (key, values) = text.split_once(operator)?;
    let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some((key.trim(), values.split(',').map(|value| value.trim().to_owned()).collect()))
}

/// `key=value`, `key==value` or `key!=value` as key, whether they must be equal, and value.
fn split_equation(text: &str) -> Option<(&str, bool, &str)> {
    let (key, value) = text.split_once('=')?;
    let value = value.strip_prefix('=').unwrap_or(value).trim();
    match key.strip_suffix('!') {
        Some(key) => Some((key.trim(), false, value)),
        None => Some((key.trim(), true, value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selects(labels: &str, fields: &str) -> Result<bool, Failure> {
        let target = Target { resource: Resource::Services, namespace: None, name: None };
        let selectors = [("labelSelector", labels), ("fieldSelector", fields)];
        let parameters = selectors.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let service = json!({
            "metadata": { "name": "web", "namespace": "shop", "labels": { "app": "web", "tier": "front" } },
            "spec": { "clusterIP": "10.0.0.1" },
        });
        let object = Object::new(Resource::Services, service.as_object().unwrap().clone(), 1, "uid");
        Ok(Selection::parse(&target, &parameters)?.matches(&object))
    }

    #[test]
    fn label_selectors_mean_what_they_mean_in_kubernetes() {
        for yes in ["", "app", "!gone", "app=web", "app==web", "app!=db", "gone!=web", "app in (db, web)"] {
            assert!(selects(yes, "").unwrap(), "{yes}");
        }
        for yes in ["app notin (db,mail)", "gone notin (x)", "app in (web,db),tier=front,!gone"] {
            assert!(selects(yes, "").unwrap(), "{yes}");
        }
        for no in ["gone", "!app", "app=db", "app!=web", "app in (db)", "app notin (web)", "app,gone"] {
            assert!(!selects(no, "").unwrap(), "{no}");
        }
    }

    #[test]
    fn field_selectors_compare_and_refuse_fields_that_cannot_be_selected() {
        for yes in ["spec.clusterIP!=None", "metadata.name=web,metadata.namespace=shop", "spec.type="] {
            assert!(selects("", yes).unwrap(), "{yes}");
        }
        assert!(!selects("", "metadata.name=other").unwrap());
        assert_eq!(selects("", "spec.sessionAffinity=None").unwrap_err().code, 400);
        assert_eq!(selects("app in (web", "").unwrap_err().code, 400);
    }
}
