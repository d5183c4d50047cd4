//! What is an annotation, and what do all annotations of a Service say together?

use weir_core::{ActiveCheck, Settings};

/// What the names of all annotations begin with.
pub const ANNOTATION_PREFIX: &str = "weir.dev/";

/// Name of the annotation that gives external IPs, without [`ANNOTATION_PREFIX`].
pub(in crate::translate) const EXTERNAL_IPS: &str = "external-ips";

/// Name of the annotation of an EndpointSlice that gives the weight of its endpoints, without [`ANNOTATION_PREFIX`].
pub(in crate::translate) const WEIGHT: &str = "weight";

/// An annotation of a Service.
#[derive(Debug)]
pub struct Annotation {
    /// Name without [`ANNOTATION_PREFIX`].
    pub name: &'static str,
    /// What the setting does.
    pub meaning: &'static str,
    pub(super) values: fn() -> String,
    pub(super) default: fn(&Settings) -> String,
    pub(super) set: fn(&mut Draft, &str) -> Result<(), String>,
}

impl Annotation {
    /// Values that are accepted, as Markdown.
    pub fn values(&self) -> String {
        (self.values)()
    }

    /// The value that counts without the annotation, as Markdown.
    pub fn default(&self) -> String {
        (self.default)(&Settings::default())
    }
}

/// Settings that are being read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) settings: Settings,
    /// Its annotations mean nothing without `health-check`.
    pub(super) check: ActiveCheck,
    pub(super) is_checked: bool,
    /// Addresses, which are no settings: the Service takes them.
    pub(super) external_ips: String,
}

impl Draft {
    pub(super) fn new(defaults: &Settings) -> Self {
        Self {
            settings: defaults.clone(),
            check: ActiveCheck::default(),
            is_checked: false,
            external_ips: String::new(),
        }
    }

    /// Takes the value of an annotation.
    pub(super) fn set(&mut self, annotation: &Annotation, value: &str) -> Result<(), String> {
        (annotation.set)(self, value)
    }

    /// The settings, and the text of the annotation [`EXTERNAL_IPS`].
    pub(super) fn finish(self) -> (Settings, String) {
        let health_check = if self.is_checked { Some(self.check) } else { self.settings.health_check };
        (Settings { health_check, ..self.settings }, self.external_ips)
    }
}
