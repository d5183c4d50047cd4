//! Who judges what a flow gets?

use crate::cli::AskedFlow;
use serde_json::Value;
use std::{collections::HashMap, net::SocketAddr};
use weir_core::{ServicePort, Snapshot, Traffic};

/// Judge of flows, as `weir explain` is.
pub(crate) trait Explain: Send + Sync {
    /// What a flow gets by a Snapshot and by what weir has found out of endpoints, in the form of `weir explain -o json`.
    ///
    /// # Errors
    /// When the answer cannot be written.
    fn explain(
        &self,
        snapshot: Snapshot,
        flow: AskedFlow,
        passed_over: &PassedOver<'_>,
    ) -> Result<Value, String>;
}

/// Endpoints of a Service port that get nothing new of a kind of traffic by what weir has found out, as those that are
/// ejected; a word for why, by address.
pub(crate) type PassedOver<'a> =
    dyn Fn(&ServicePort, Traffic) -> HashMap<SocketAddr, &'static str> + Sync + 'a;
