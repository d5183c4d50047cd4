//! Who judges what a flow gets?

use crate::cli::AskedFlow;
use serde_json::Value;
use weir_core::Snapshot;

/// Judge of flows, as `weir explain` is.
pub(crate) trait Explain: Send + Sync {
    /// What a flow gets by a Snapshot, in the form of `weir explain -o json`.
    ///
    /// # Errors
    /// When the answer cannot be written.
    fn explain(&self, snapshot: Snapshot, flow: AskedFlow) -> Result<Value, String>;
}
