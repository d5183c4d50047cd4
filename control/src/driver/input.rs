//! What does a source say to the driver?

use super::{propagation::Moment, status::WatchState};
use crate::{Event, FileProblem, Kind, disk, translate::Translation};
use tokio::sync::mpsc;

/// What a source tells the driver.
#[derive(Debug)]
pub(crate) enum Input {
    /// One object came, changed or went, or a list begins or is complete, and when this was heard.
    Object(Translation, Moment),
    /// The manifests were loaded. All of it becomes visible at once.
    Manifests {
        /// What the store is told.
        events: Vec<Event>,
        /// All that is wrong with the manifests now.
        problems: Vec<FileProblem>,
    },
    /// The state that an earlier run has saved. Comes before anything else.
    Saved(disk::SavedState),
    /// The state of a watch.
    Watch(Kind, WatchState),
}

/// Where a source puts its inputs. Bounded: a source that is faster than the driver waits.
pub(crate) type Inputs = mpsc::Sender<Input>;

/// How many inputs wait before their source does.
pub(super) const CAPACITY: usize = 1024;

pub(crate) fn channel() -> (Inputs, mpsc::Receiver<Input>) {
    mpsc::channel(CAPACITY)
}
