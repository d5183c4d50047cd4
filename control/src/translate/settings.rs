//! What did the user set for a Service? Annotations under `weir.dev/` become [`Settings`].

mod annotation;
mod annotations;
mod shown;
mod values;

pub use annotation::{ANNOTATION_PREFIX, Annotation};
pub(super) use annotation::{EXTERNAL_IPS, WEIGHT};
pub use annotations::{ANNOTATIONS, SLICE_ANNOTATIONS, SliceAnnotation};

use super::{nearest::nearest, problems::Problems};
use crate::model::quoted;
use annotation::Draft;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use weir_core::Settings;

/// Settings of a Service, and the text of the annotation [`EXTERNAL_IPS`], which is empty without it. An annotation that does
/// not parse is reported, and its default is used.
pub(super) fn settings(
    metadata: &ObjectMeta,
    defaults: &Settings,
    problems: &mut Problems,
) -> (Settings, String) {
    let mut draft = Draft::new(defaults);
    for (key, value) in metadata.annotations.iter().flatten() {
        let Some(name) = key.strip_prefix(ANNOTATION_PREFIX) else { continue };
        let field = format_args!("metadata.annotations[{key}]");
        match annotations::find(name) {
            None if name == WEIGHT => {
                problems.add(field, "is an annotation of EndpointSlices, and means nothing on a Service");
            }
            None => problems.add_with(field, || {
                let nearest = nearest(name, &annotations::names());
                let nearest = nearest.map(|name| format!(" (did you mean {ANNOTATION_PREFIX}{name}?)"));
                let nearest = nearest.unwrap_or_default();
                format!("{}: no such setting{nearest}; the default is used", quoted(value))
            }),
            Some(annotation) => {
                if let Err(message) = draft.set(annotation, value.trim()) {
                    problems.add_with(field, || format!("{}: {message}; the default is used", quoted(value)));
                }
            }
        }
    }
    draft.finish()
}

#[cfg(test)]
mod tests;
