//! How is the control plane doing?

use crate::{FileProblem, Kind};
use std::{collections::BTreeMap, sync::Arc, time::SystemTime};
use tokio::time::Instant;

/// How the control plane is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Whether Services and EndpointSlices were both listed completely, or restored from disk, and what follows from them was
    /// published.
    pub ready: bool,
    /// When the state was saved from which objects are served that the API server has not listed yet; `None` once Services
    /// and EndpointSlices are listed.
    pub restored: Option<SystemTime>,
    /// When the oldest change arrived that is not in the published Snapshot yet; `None` when there is none.
    pub oldest_unapplied: Option<Instant>,
    /// When the last change was taken into account, whether or not it changed the Snapshot.
    pub last_synced: Option<Instant>,
    /// The generation of the last published Snapshot.
    pub generation: u64,
    /// Whether this proxy's Node object was ever seen.
    pub node_known: bool,
    /// The watch of each kind; empty for manifests.
    pub watches: BTreeMap<Kind, WatchState>,
    /// Since when Services or EndpointSlices are not watched, which is what weir must know; `None` while both are, and for
    /// manifests. What is known stays served.
    pub outage_since: Option<Instant>,
    /// What is wrong with the manifests now; empty for an API server.
    pub problems: Arc<[FileProblem]>,
}

/// How the watch of one kind is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// Nothing was heard yet.
    Connecting,
    /// The watch is established.
    Connected,
    /// The last attempt failed, in words for an operator. It is retried; what is known stays served.
    Failing(String),
    /// The API server does not offer the kind, or not to us, and weir does without. It is asked again now and then.
    Off(String),
}
