//! Which Services change when an operator steers endpoints?

use super::Store;
use weir_core::Overrides;

impl Store {
    /// Replaces what an operator has said of endpoints and nodes. Looks at all endpoints; the Snapshot follows at the next
    /// [`commit`](Self::commit), for the Services whose endpoints are concerned.
    pub fn set_overrides(&mut self, overrides: Overrides) {
        let differing = self.overrides.differing(&overrides);
        self.overrides = overrides;
        if differing.is_empty() {
            return;
        }
        for slice in self.state.slices() {
            let mut endpoints = slice.endpoints.iter();
            if endpoints.any(|endpoint| differing.concern(endpoint.ip, endpoint.node.as_deref())) {
                self.stale.services.insert(slice.service.clone());
            }
        }
    }

    /// What an operator has said of endpoints and nodes.
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }
}
