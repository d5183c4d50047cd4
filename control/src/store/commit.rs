//! What must be computed at a commit, and what came of it?

use super::refusals::Refusals;
use std::{collections::BTreeSet, net::IpAddr};
use weir_core::{ServiceKey, Snapshot};

/// Parts of the Snapshot that must be computed again.
#[derive(Debug, Default)]
pub(super) struct Stale {
    pub(super) services: BTreeSet<ServiceKey>,
    pub(super) everything: bool,
    pub(super) node: bool,
    /// Addresses that this node had or has, if they have changed.
    pub(super) own_addresses: Vec<IpAddr>,
    pub(super) service_cidrs: bool,
}

/// Outcome of [`Store::commit`](super::Store::commit).
#[derive(Debug)]
pub struct Commit {
    /// Snapshot that follows from all events so far.
    pub snapshot: Snapshot,
    /// Whether the Snapshot differs from the last one.
    pub changed: bool,
    /// Services whose part of the Snapshot differs.
    pub differing: Vec<ServiceKey>,
    /// Number of Services that were computed.
    pub visited: usize,
    /// Refused addresses of each Service where they have changed.
    pub refusals: Vec<Refusals>,
}
