//! What did the user set for a Service? Annotations under `weir.dev/` become [`Settings`].

mod annotations;
mod draft;
mod shown;
mod values;

pub use annotations::{ANNOTATION_PREFIX, ANNOTATIONS, Annotation};

use super::{nearest::nearest, problems::Problems};
use crate::model::quoted;
use draft::Draft;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use weir_core::Settings;

/// Settings of a Service. An annotation that does not parse is reported, and its default is used.
pub(super) fn settings(metadata: &ObjectMeta, defaults: &Settings, problems: &mut Problems) -> Settings {
    let mut draft = Draft::new(defaults);
    for (key, value) in metadata.annotations.iter().flatten() {
        let Some(name) = key.strip_prefix(ANNOTATION_PREFIX) else { continue };
        let field = format_args!("metadata.annotations[{key}]");
        match annotations::find(name) {
            None => problems.add_with(field, || {
                let nearest = nearest(name, &annotations::names());
                let nearest = nearest.map(|name| format!(" (did you mean {ANNOTATION_PREFIX}{name}?)"));
                let nearest = nearest.unwrap_or_default();
                format!("{}: no such setting{nearest}; the default is used", quoted(value))
            }),
            Some(annotation) => {
                if let Err(message) = annotation.set(&mut draft, value.trim()) {
                    problems.add_with(field, || format!("{}: {message}; the default is used", quoted(value)));
                }
            }
        }
    }
    draft.settings()
}

#[cfg(test)]
mod tests;
