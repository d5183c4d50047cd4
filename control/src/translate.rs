//! What does an API object mean to weir? Pure: k8s-openapi types in, core words out.

mod node;
mod service;
mod settings;
mod slice;

pub use settings::{ANNOTATION_PREFIX, ANNOTATIONS, Annotation};

use crate::{
    Scope,
    object::{Event, Kind, Object, ObjectKey},
    problem::Problem,
};
use k8s_openapi::{
    api::{
        core::v1::{Node, Service},
        discovery::v1::EndpointSlice,
        networking::v1::ServiceCIDR,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use std::{collections::BTreeMap, fmt::Display, num::NonZeroU16, sync::Arc, time::SystemTime};

/// The label that hands a Service to another proxy (semantics S4).
pub const SERVICE_PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";

/// Which Services are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Serve only Services whose label [`SERVICE_PROXY_NAME`] has this value; without it only those without the label.
    pub service_proxy_name: Option<String>,
}

/// An event, with what was wrong but could be left out.
#[derive(Debug)]
pub struct Translation {
    /// What the store is told.
    pub event: Event,
    /// Parts that were ignored, or why the object was refused.
    pub problems: Vec<Problem>,
    /// When the cause of this form of an EndpointSlice was, on the clock of whoever wrote it (semantics B4).
    pub triggered: Option<SystemTime>,
}

/// A kind of API object that can be translated.
pub trait Translate: Sized {
    /// Its kind.
    const KIND: Kind;

    /// Its metadata.
    fn metadata(&self) -> &ObjectMeta;

    /// What it means; `None` when it is not ours to serve. An error refuses the whole object.
    fn object(&self, scope: &Scope, notes: &mut Notes) -> Result<Option<Object>, Problem>;

    /// When the cause of its last change was, if it says so.
    fn triggered(&self, _notes: &mut Notes) -> Option<SystemTime> {
        None
    }

    /// Its identity. Objects without a namespace are in `default`.
    fn key(&self) -> ObjectKey {
        let metadata = self.metadata();
        let namespaced = matches!(Self::KIND, Kind::Service | Kind::EndpointSlice);
        let namespace = metadata.namespace.as_deref().unwrap_or(if namespaced { "default" } else { "" });
        ObjectKey::new(Self::KIND, namespace, metadata.name.as_deref().unwrap_or_default())
    }
}

/// Translates one object that exists.
pub fn translate<T: Translate>(object: &T, scope: &Scope) -> Translation {
    let key = object.key();
    let mut notes = Notes { object: key.to_string(), problems: Vec::new() };
    let event = if key.name.is_empty() {
        notes.problems.push(notes.problem("metadata.name", "is missing; the object is refused"));
        Event::Keep(key)
    } else {
        match object.object(scope, &mut notes) {
            Ok(Some(object)) => Event::Put(key, object),
            Ok(None) => Event::Delete(key),
            Err(problem) => {
                notes.problems.push(problem);
                Event::Keep(key)
            }
        }
    };
    let triggered = matches!(event, Event::Put(..)).then(|| object.triggered(&mut notes)).flatten();
    Translation { event, problems: notes.problems, triggered }
}

impl Translate for Service {
    const KIND: Kind = Kind::Service;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, scope: &Scope, notes: &mut Notes) -> Result<Option<Object>, Problem> {
        Ok(service::service(self, scope, notes)?.map(|service| Object::Service(Box::new(service))))
    }
}

impl Translate for EndpointSlice {
    const KIND: Kind = Kind::EndpointSlice;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, _: &Scope, notes: &mut Notes) -> Result<Option<Object>, Problem> {
        Ok(slice::slice(self, notes)?.map(Object::EndpointSlice))
    }

    fn triggered(&self, notes: &mut Notes) -> Option<SystemTime> {
        slice::triggered(self, notes)
    }
}

impl Translate for Node {
    const KIND: Kind = Kind::Node;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, _: &Scope, notes: &mut Notes) -> Result<Option<Object>, Problem> {
        Ok(Some(Object::Node(node::node(self, notes))))
    }
}

impl Translate for ServiceCIDR {
    const KIND: Kind = Kind::ServiceCidr;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, _: &Scope, notes: &mut Notes) -> Result<Option<Object>, Problem> {
        Ok(Some(Object::ServiceCidr(node::service_cidr(self, notes))))
    }
}

/// Collects what was wrong with one object.
pub struct Notes {
    object: String,
    problems: Vec<Problem>,
}

impl Notes {
    /// A problem with one field, for which the object is refused.
    fn problem(&self, field: impl Display, message: impl Display) -> Problem {
        Problem {
            object: self.object.clone(),
            field: field.to_string(),
            message: message.to_string(),
            refused: true,
        }
    }

    /// Notes a problem that does not refuse the object.
    fn note(&mut self, field: impl Display, message: impl Display) {
        let problem = self.problem(field, message);
        self.problems.push(Problem { refused: false, ..problem });
    }

    /// Reads a port that must be there.
    fn port(&self, field: impl Display, value: i32) -> Result<NonZeroU16, Problem> {
        let port = u16::try_from(value).ok().and_then(NonZeroU16::new);
        port.ok_or_else(|| self.problem(field, format_args!("{value} is not a port; ports are 1 to 65535")))
    }

    /// Reads a port that may be absent; 0 means absent.
    fn optional_port(&self, field: impl Display, value: Option<i32>) -> Result<Option<NonZeroU16>, Problem> {
        value.filter(|&value| value != 0).map(|value| self.port(field, value)).transpose()
    }
}

fn labels(metadata: &ObjectMeta) -> &BTreeMap<String, String> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    metadata.labels.as_ref().unwrap_or(&NONE)
}

fn text(value: Option<&str>) -> Arc<str> {
    value.unwrap_or_default().into()
}
