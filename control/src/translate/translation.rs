//! What is a translation, and what can be translated?

use super::{
    metadata::{check_name, key, uid},
    problems::Problems,
};
use crate::{Event, Kind, Object, ObjectKey, Problem, Scope};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::time::SystemTime;

/// Translation of one object: an event, and what was wrong.
#[derive(Debug)]
pub struct Translation {
    /// Event for the store.
    pub event: Event,
    /// Problems with fields that were left out, or for which the object was refused.
    pub problems: Vec<Problem>,
    /// Time of the cause of this form of an EndpointSlice, on the clock of its author (semantics B4).
    pub triggered: Option<SystemTime>,
    /// Uid of the object (RFC 9562); `None` without one.
    pub uid: Option<u128>,
}

/// API object that can be translated.
pub trait Translate: Sized {
    /// Kind of the object.
    const KIND: Kind;

    /// Metadata of the object.
    fn metadata(&self) -> &ObjectMeta;

    /// What weir keeps of the object. An error refuses the whole object, or leaves it out because it is not for this proxy.
    fn object(&self, scope: &Scope, problems: &mut Problems) -> Result<Object, Problem>;

    /// Time of the cause of the object's last change; `None` if the object does not say.
    fn triggered(&self, _problems: &mut Problems) -> Option<SystemTime> {
        None
    }

    /// Key of the object. Services and EndpointSlices without a namespace are in `default`.
    fn key(&self) -> ObjectKey {
        key(Self::KIND, self.metadata())
    }
}

/// Translates an object that exists.
pub fn translate<T: Translate>(object: &T, scope: &Scope) -> Translation {
    translate_with(object, scope, Problems::of(object.key()))
}

/// Translates an object like [`translate`], with the problems that were found while it was read.
pub(crate) fn translate_with<T: Translate>(object: &T, scope: &Scope, mut problems: Problems) -> Translation {
    let key = object.key();
    let event = match checked(object, &key, scope, &mut problems) {
        Ok(object) => Event::Put(key, object),
        Err(problem) => {
            let left_out = problem.left_out.is_some();
            problems.add_first(problem);
            if left_out { Event::Delete(key) } else { Event::Keep(key) }
        }
    };
    let triggered = matches!(event, Event::Put(..)).then(|| object.triggered(&mut problems)).flatten();
    Translation { event, problems: problems.list(), triggered, uid: uid(object.metadata()) }
}

fn checked<T: Translate>(
    object: &T,
    key: &ObjectKey,
    scope: &Scope,
    problems: &mut Problems,
) -> Result<Object, Problem> {
    if key.name.is_empty() {
        return Err(problems.refusal("metadata.name", "is missing; the object is refused"));
    }
    check_name(problems, "metadata.name", &key.name)?;
    check_name(problems, "metadata.namespace", &key.namespace)?;
    object.object(scope, problems)
}
