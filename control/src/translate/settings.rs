//! What did the user set for a Service? Annotations under `weir.dev/` become [`Settings`].

mod annotations;
mod shown;
mod values;

pub use annotations::{ANNOTATION_PREFIX, ANNOTATIONS, Annotation};

use super::problems::Problems;
use annotations::Draft;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use weir_core::Settings;

/// Settings of a Service. An annotation that does not parse is reported, and its default is used.
pub(super) fn settings(metadata: &ObjectMeta, defaults: &Settings, problems: &mut Problems) -> Settings {
    let mut draft = Draft::new(defaults);
    for (key, value) in metadata.annotations.iter().flatten() {
        let Some(name) = key.strip_prefix(ANNOTATION_PREFIX) else { continue };
        if let Err(message) = draft.set(name, value.trim()) {
            let shown: String = value.chars().take(64).collect();
            let field = format_args!("metadata.annotations[{key}]");
            problems.add(field, format_args!("{shown:?}: {message}; the default is used"));
        }
    }
    draft.settings()
}

#[cfg(test)]
mod tests;
