//! What did the user set for a Service? Annotations under `weir.dev/` become [`Settings`].

mod annotations;
mod shown;
mod values;

pub use annotations::{ANNOTATION_PREFIX, ANNOTATIONS, Annotation};

use super::Notes;
use annotations::Draft;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use weir_core::Settings;

/// Reads the annotations of a Service. A setting that does not parse is noted, and its default is used.
pub(super) fn settings(metadata: &ObjectMeta, defaults: &Settings, notes: &mut Notes) -> Settings {
    let mut draft = Draft::new(defaults);
    for (key, value) in metadata.annotations.iter().flatten() {
        let Some(name) = key.strip_prefix(ANNOTATION_PREFIX) else { continue };
        if let Err(message) = draft.set(name, value.trim()) {
            let shown: String = value.chars().take(64).collect();
            let field = format_args!("metadata.annotations[{key}]");
            notes.note(field, format_args!("{shown:?}: {message}; the default is used"));
        }
    }
    draft.settings()
}

#[cfg(test)]
mod tests;
