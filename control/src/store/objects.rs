//! Which objects does a Snapshot follow from, and what do guards refuse of them?

use super::{refusals::Refusals, state::State};
use weir_core::{SharedMap, guards::Refused};

/// Objects that a Snapshot follows from, for those who look. Cheap to clone: parts that did not change are shared.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// All translated objects, with the addresses that guards refuse because of other objects.
    pub state: State,
    /// Addresses that guards refuse, by Service.
    pub(super) refused: SharedMap<Refused>,
}

impl Objects {
    /// Addresses that guards refuse of each Service, sorted by Service.
    pub fn refusals(&self) -> Vec<Refusals> {
        let all = self.refused.iter().map(|(service, refused)| Refusals {
            service: service.clone(),
            refused: refused.clone(),
            new: Refused::new(),
        });
        let mut all: Vec<Refusals> = all.collect();
        all.sort_by(|a, b| a.service.cmp(&b.service));
        all
    }
}
