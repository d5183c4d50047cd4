//! On which bridges may weir rely on getting the answers to clients' addresses?

use super::Capture;
use weir_core::BridgeNetwork;

impl Capture {
    /// Whether rules in force hand answers on this bridge network over to this host.
    pub fn hands_over(&self, on: &BridgeNetwork) -> bool {
        let rules = self.installed.as_ref().and_then(|installed| installed.desired.table.bridged.as_ref());
        let is_same = |known: &&BridgeNetwork| {
            (known.network, known.hardware_address) == (on.network, on.hardware_address)
        };
        rules.is_some_and(|networks| networks.iter().any(|known| is_same(&known)))
    }
}
