//! What does a source send to the driver?

use super::{clock_reading::ClockReading, status::WatchState};
use crate::{Event, FileProblem, Kind, disk, translate::Translation};
use std::{collections::BTreeSet, net::IpAddr};
use tokio::sync::{mpsc, oneshot};
use weir_core::{Findings, Overrides};

/// Message of a source to the driver.
#[derive(Debug)]
pub(crate) enum Input {
    /// Event about one object or one list, and when weir received it.
    Object(Translation, ClockReading),
    /// Result of loading manifests; all its events become visible in one commit.
    Manifests {
        /// Events for the store: a list of every kind.
        events: Vec<Event>,
        /// Everything that is wrong with the manifests now.
        problems: Vec<FileProblem>,
    },
    /// State that an earlier run has saved; comes before any other input.
    Saved(disk::SavedState),
    /// Addresses of all Nodes, which were wanted; or why they cannot be had.
    Nodes(Result<Vec<IpAddr>, String>),
    /// Addresses of this host's interfaces, when they have changed.
    HostAddresses(BTreeSet<IpAddr>),
    /// What an operator says of endpoints and nodes from now on. Answered with the generation of the Snapshot that contains it; with
    /// 0 if there is none yet.
    Overrides { overrides: Overrides, done: oneshot::Sender<u64> },
    /// All that the data plane finds wrong with Services, when it has changed.
    Findings(Findings),
    /// State of the watch of one kind.
    Watch(Kind, WatchState),
}

/// Sending end of the bounded channel to the driver: a source that is faster than the driver waits.
pub(crate) type Inputs = mpsc::Sender<Input>;

/// Capacity of the channel of inputs.
pub(super) const CAPACITY: usize = 1024;

pub(crate) fn channel() -> (Inputs, mpsc::Receiver<Input>) {
    mpsc::channel(CAPACITY)
}
