//! How does an operator change what is said of endpoints and nodes while weir runs?

use crate::{blocking::blocking, disk::OverridesFile, driver::Input};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    time::sleep,
};
use tracing::{info, warn};
use weir_core::Overrides;

/// Time after which a failed save is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// What an operator has said of endpoints and nodes, and changes.
#[derive(Clone, Debug)]
pub struct OperatorOverrides {
    changes: Arc<Mutex<Changes>>,
    current: watch::Receiver<Overrides>,
}

#[derive(Debug)]
struct Changes {
    /// Does not keep the driver running when its source has ended.
    inputs: mpsc::WeakSender<Input>,
    current: watch::Sender<Overrides>,
    /// Sender to the task that keeps them; `None` without a state folder.
    keeper: Option<mpsc::Sender<Keep>>,
}

/// Overrides to be kept.
#[derive(Debug)]
pub(crate) struct Keep {
    overrides: Overrides,
    done: oneshot::Sender<Result<(), String>>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Generation of the Snapshot that contains the change: it is in force when that is served. 0 if the lists of objects are not
    /// complete yet; the first Snapshot will contain the change.
    pub generation: u64,
    /// Whether a restart will know of it.
    pub kept: Kept,
}

/// Whether a restart will know of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is on disk.
    Kept,
    /// There is no state folder.
    NoFolder,
    /// It could not be written, for this reason; that is tried again.
    Failed(String),
}

/// The error of a change after the control plane has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("weir is ending")]
pub struct Ended;

impl OperatorOverrides {
    /// Creates the handle, with what is in force at the start.
    pub(crate) fn new(
        overrides: Overrides,
        inputs: mpsc::WeakSender<Input>,
        keeper: Option<mpsc::Sender<Keep>>,
    ) -> Self {
        let (sender, current) = watch::channel(overrides);
        Self { changes: Arc::new(Mutex::new(Changes { inputs, current: sender, keeper })), current }
    }

    /// What is said now.
    pub fn current(&self) -> Overrides {
        self.current.borrow().clone()
    }

    /// Changes what is said, all at once; changes by others wait meanwhile. `None` of `change` changes nothing. Resolves when a
    /// Snapshot with it is published, and it is on disk or that has failed.
    pub async fn change<T>(
        &self,
        change: impl FnOnce(&mut Overrides) -> Option<T>,
    ) -> Result<Option<(T, Changed)>, Ended> {
        let changes = self.changes.lock().await;
        let mut overrides = changes.current.borrow().clone();
        let Some(outcome) = change(&mut overrides) else { return Ok(None) };
        let inputs = changes.inputs.upgrade().ok_or(Ended)?;
        let (done, published) = oneshot::channel();
        let input = Input::Overrides { overrides: overrides.clone(), done };
        inputs.send(input).await.map_err(|_| Ended)?;
        drop(inputs);
        let generation = published.await.map_err(|_| Ended)?;
        changes.current.send_replace(overrides.clone());
        let kept = match &changes.keeper {
            None => Kept::NoFolder,
            Some(keeper) => keep(keeper, overrides).await,
        };
        Ok(Some((outcome, Changed { generation, kept })))
    }
}

async fn keep(keeper: &mpsc::Sender<Keep>, overrides: Overrides) -> Kept {
    let (done, written) = oneshot::channel();
    // The keeper ends with the control plane only.
    _ = keeper.send(Keep { overrides, done }).await;
    match written.await {
        Ok(Ok(())) => Kept::Kept,
        Ok(Err(why)) => Kept::Failed(why),
        Err(_) => Kept::Failed(Ended.to_string()),
    }
}

/// Channel to the task that keeps overrides.
pub(crate) fn keeper() -> (mpsc::Sender<Keep>, mpsc::Receiver<Keep>) {
    mpsc::channel(1)
}

/// Writes what is to be kept, and tries again what could not be written, until the senders are gone.
pub(crate) async fn keep_in(file: OverridesFile, mut wanted: mpsc::Receiver<Keep>) {
    let mut unsaved: Option<Overrides> = None;
    loop {
        let (overrides, done) = tokio::select! {
            keep = wanted.recv() => match keep {
                Some(Keep { overrides, done }) => (overrides, Some(done)),
                None => return,
            },
            () = sleep(RETRY_INTERVAL), if unsaved.is_some() => (unsaved.clone().unwrap_or_default(), None),
        };
        let (to, saving) = (file.clone(), overrides.clone());
        let outcome = blocking(move || to.save(&saving).map_err(|error| error.to_string())).await;
        let path = file.path();
        match &outcome {
            Ok(()) if unsaved.take().is_some() => info!("overrides are kept in {} again", path.display()),
            Ok(()) => {}
            Err(why) => {
                if unsaved.replace(overrides).is_none() {
                    warn!(
                        "the overrides are in force, but not kept in {}: {why}; after a restart endpoints that were drained \
                         get new connections. Writing is tried again every {RETRY_INTERVAL:?}",
                        path.display()
                    );
                }
            }
        }
        if let Some(done) = done {
            // Whoever asked may have gone.
            _ = done.send(outcome);
        }
    }
}
