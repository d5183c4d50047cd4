//! What is a translation, and what can be translated?

use super::problems::Problems;
use crate::{
    Scope,
    object::{Event, Kind, Object, ObjectKey},
    problem::Problem,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::time::SystemTime;

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
    fn object(&self, scope: &Scope, problems: &mut Problems) -> Result<Option<Object>, Problem>;

    /// When the cause of its last change was, if it says so.
    fn triggered(&self, _problems: &mut Problems) -> Option<SystemTime> {
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
    let mut problems = Problems { object: key.to_string(), list: Vec::new() };
    let event = if key.name.is_empty() {
        problems.list.push(problems.refusal("metadata.name", "is missing; the object is refused"));
        Event::Keep(key)
    } else {
        match object.object(scope, &mut problems) {
            Ok(Some(object)) => Event::Put(key, object),
            Ok(None) => Event::Delete(key),
            Err(problem) => {
                problems.list.push(problem);
                Event::Keep(key)
            }
        }
    };
    let triggered = matches!(event, Event::Put(..)).then(|| object.triggered(&mut problems)).flatten();
    Translation { event, problems: problems.list, triggered }
}
