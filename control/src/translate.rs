//! What does an API object mean to weir? Pure: k8s-openapi types in, core words out.

mod metadata;
mod node;
mod problems;
mod service;
mod settings;
mod slice;
mod translation;

pub(crate) use metadata::key;
pub use problems::Problems;
pub use settings::{ANNOTATION_PREFIX, ANNOTATIONS, Annotation};
pub use translation::{Translate, Translation, translate};
