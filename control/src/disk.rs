//! How is the last known state saved, so that it can be served when the API server is away at the start?
//!
//! ```text
//! driver -> watch::Receiver<State> -> encode -> FILE      FILE -> decode -> events -> driver
//! ```

mod debounce;
mod folder;
mod format;
mod metrics;
mod overrides;

pub use format::{
    Identity, IdentityMismatch, MAX_BODY_BYTES, SCHEMA, StateError, StateMetadata, decode, encode,
};

pub(crate) use folder::Folder;
pub(crate) use overrides::OverridesFile;

use self::metrics::Metrics;
use crate::{Event, State, blocking::blocking};
use debounce::Save;
use folder::{ReadError, WriteError};
use std::{path::PathBuf, sync::Arc, time::SystemTime};
use tokio::sync::watch;
use tracing::{info, warn};
use weir_core::Settings;

/// State that a start has found on disk.
#[derive(Debug)]
pub(crate) struct SavedState {
    /// Complete lists of all kinds.
    pub(crate) events: Vec<Event>,
    /// Time of day at which the state was saved.
    pub(crate) saved: SystemTime,
    /// Path of the state file.
    pub(crate) file: PathBuf,
}

/// Saves one weir's state in a folder.
pub(crate) struct Disk {
    folder: Arc<Folder>,
    identity: Identity,
    defaults: Arc<Settings>,
    metrics: Metrics,
    /// Reason why the last attempt to save failed; `None` if it succeeded.
    failing: Option<String>,
}

/// Reason why a state on disk is not used.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Unread(#[from] ReadError),
    #[error(transparent)]
    StateError(#[from] StateError),
}

impl Disk {
    pub(crate) fn new(folder: Arc<Folder>, identity: Identity, defaults: Settings) -> Self {
        Self { folder, identity, defaults: Arc::new(defaults), metrics: Metrics::register(), failing: None }
    }

    /// Takes the folder's lock, if it is free, and reads the state file. Problems are logged and do not keep
    /// weir from starting.
    pub(crate) async fn load(&mut self) -> Option<SavedState> {
        let (folder, identity) = (Arc::clone(&self.folder), self.identity.clone());
        let (locked, found) = blocking(move || (folder.lock(), read(&folder, &identity))).await;
        self.log(locked);
        let file = self.folder.file().to_owned();
        match found {
            Ok(None) => None,
            Ok(Some((bytes, StateMetadata { saved, defaults, .. }, events))) => {
                self.metrics.on_disk(saved, bytes);
                if defaults != self.defaults {
                    warn!(
                        "the settings on the command line have changed since {} was saved: until the API server \
                         answers, Services keep the earlier ones",
                        file.display()
                    );
                }
                Some(SavedState { events, saved, file })
            }
            Err(refused) => {
                warn!(
                    "cannot use the state in {}: {refused}; starting without it, nothing is served until the API \
                     server answers, and the next save replaces it",
                    file.display()
                );
                None
            }
        }
    }

    /// Saves states until their sender is gone.
    pub(crate) async fn run(mut self, states: watch::Receiver<State>) {
        debounce::save_debounced(states, &mut self).await;
    }

    /// Logs the outcome of an attempt to save, if it differs from the last one.
    fn log(&mut self, outcome: Result<(), WriteError>) {
        let file = self.folder.file().display();
        let failing = outcome.as_ref().err().map(WriteError::to_string);
        if failing == self.failing {
            return;
        }
        match (&outcome, &failing) {
            (Err(WriteError::InUse(_)), Some(why)) => {
                info!("{why}; this one begins to save its state when that one has ended");
            }
            (Err(_), Some(why)) => warn!(
                "the state is not saved: {why}; serving goes on, but after a restart without the API server there \
                 would be no state or an older one; give weir a folder to write to with --state-dir, or none"
            ),
            _ => info!("the state is saved in {file} again"),
        }
        self.failing = failing;
    }
}

impl Save for Disk {
    async fn save(&mut self, state: State) -> bool {
        let saved = SystemTime::now();
        let (identity, defaults) = (self.identity.clone(), Arc::clone(&self.defaults));
        let (folder, about) = (Arc::clone(&self.folder), StateMetadata { saved, identity, defaults });
        let written = blocking(move || {
            let bytes = encode(&about, &state);
            folder.write(&bytes).map(|()| bytes.len())
        })
        .await;
        let worked = written.is_ok();
        self.metrics.attempt(&written);
        if let Ok(bytes) = written {
            self.metrics.on_disk(saved, bytes);
        }
        self.log(written.map(|_| ()));
        worked
    }
}

/// Reads the state in a folder, with its size in bytes; an error if it is for another weir.
fn read(
    folder: &Folder,
    identity: &Identity,
) -> Result<Option<(usize, StateMetadata, Vec<Event>)>, LoadError> {
    let Some(bytes) = folder.read()? else { return Ok(None) };
    let (about, events) = decode(&bytes)?;
    identity.check(&about.identity)?;
    Ok(Some((bytes.len(), about, events)))
}
