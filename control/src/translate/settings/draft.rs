//! Which settings has a Service, while its annotations are being read?

use weir_core::{ActiveCheck, Settings};

/// Settings that are being read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) settings: Settings,
    /// Its annotations mean nothing without `health-check`.
    pub(super) check: ActiveCheck,
    pub(super) is_checked: bool,
}

impl Draft {
    pub(super) fn new(defaults: &Settings) -> Self {
        Self { settings: defaults.clone(), check: ActiveCheck::default(), is_checked: false }
    }

    pub(super) fn settings(self) -> Settings {
        let health_check = if self.is_checked { Some(self.check) } else { self.settings.health_check };
        Settings { health_check, ..self.settings }
    }
}
