//! How is the control plane doing?

use crate::{FileProblem, Kind};
use std::{collections::BTreeMap, sync::Arc, time::SystemTime};
use tokio::time::Instant;

/// State of the control plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Whether Services and EndpointSlices were both listed completely, or restored from disk, and a Snapshot
    /// of them was published.
    pub ready: bool,
    /// Time at which the state was saved that stands in for lists which the API server has not completed yet;
    /// `None` once Services and EndpointSlices are listed.
    pub restored: Option<SystemTime>,
    /// Time at which the oldest change arrived that the published Snapshot does not contain; `None` when it
    /// contains all.
    pub oldest_unapplied: Option<Instant>,
    /// Time of the last commit, whether or not it changed the Snapshot.
    pub last_synced: Option<Instant>,
    /// Generation of the last published Snapshot.
    pub generation: u64,
    /// Whether the Node object of this proxy's node was ever seen.
    pub node_known: bool,
    /// State of the watch of each kind; empty for manifests.
    pub watches: BTreeMap<Kind, WatchState>,
    /// Start of the current outage: the time since when Services or EndpointSlices are not watched. `None`
    /// while both are, and for manifests. The last Snapshot stays in force during an outage.
    pub outage_since: Option<Instant>,
    /// Everything that is wrong with the manifests now; empty for an API server.
    pub problems: Arc<[FileProblem]>,
}

/// State of the watch of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// The API server has not answered yet.
    Connecting,
    /// The watch is established.
    Connected,
    /// The last attempt failed, with the reason in words for an operator. The watch is retried; known objects
    /// stay in force.
    Failing(String),
    /// The API server does not offer an optional kind, or forbids it, with the reason in words for an operator.
    /// The watch is retried once a minute.
    Off(String),
}
