//! How is the last known state kept, so that it can be served when the API server is away at the start?
//!
//! ```text
//! driver -> watch::Receiver<State> -> encode -> FILE      FILE -> decode -> events -> driver
//! ```

mod folder;
mod format;
mod meters;
mod pace;

pub use format::{About, Difference, Identity, MOST_BYTES, SCHEMA, Unusable, decode, encode};

use crate::{Event, State, blocking::blocking};
use folder::{Folder, ReadError, WriteError};
use meters::Meters;
use pace::Save;
use std::{path::PathBuf, sync::Arc, time::SystemTime};
use tokio::sync::watch;
use tracing::{info, warn};
use weir_core::Settings;

/// What a start has found on disk.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Complete lists of all kinds.
    pub(crate) events: Vec<Event>,
    /// When they were saved.
    pub(crate) saved: SystemTime,
    /// Where they were.
    pub(crate) file: PathBuf,
}

/// Keeps one weir's state in a folder.
pub(crate) struct Disk {
    folder: Arc<Folder>,
    identity: Identity,
    defaults: Arc<Settings>,
    meters: Meters,
    /// Why the last attempt to save failed.
    failing: Option<String>,
}

/// Why a state on disk is not used.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Unread(#[from] ReadError),
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

impl Disk {
    pub(crate) fn new(folder: PathBuf, identity: Identity, defaults: Settings) -> Self {
        Self {
            folder: Arc::new(Folder::new(folder)),
            identity,
            defaults: Arc::new(defaults),
            meters: Meters::register(),
            failing: None,
        }
    }

    /// Takes the folder's lock, if it is free, and reads what it has. Whatever is wrong is said, and no reason not to start.
    pub(crate) async fn restore(&mut self) -> Option<Restored> {
        let (folder, identity) = (Arc::clone(&self.folder), self.identity.clone());
        let (locked, found) = blocking(move || (folder.lock(), read(&folder, &identity))).await;
        self.note(locked);
        let file = self.folder.file().to_owned();
        match found {
            Ok(None) => None,
            Ok(Some((bytes, About { saved, defaults, .. }, events))) => {
                self.meters.on_disk(saved, bytes);
                if defaults != self.defaults {
                    warn!(
                        "the settings on the command line have changed since {} was saved: until the API server \
                         answers, Services keep the earlier ones",
                        file.display()
                    );
                }
                Some(Restored { events, saved, file })
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

    /// Saves states until there can be no more.
    pub(crate) async fn run(mut self, states: watch::Receiver<State>) {
        pace::follow(states, &mut self).await;
    }

    /// Says what is news of saving.
    fn note(&mut self, outcome: Result<(), WriteError>) {
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
        let (folder, about) = (Arc::clone(&self.folder), About { saved, identity, defaults });
        let written = blocking(move || {
            let bytes = encode(&about, &state);
            folder.write(&bytes).map(|()| bytes.len())
        })
        .await;
        let worked = written.is_ok();
        self.meters.attempt(&written);
        if let Ok(bytes) = written {
            self.meters.on_disk(saved, bytes);
        }
        self.note(written.map(|_| ()));
        worked
    }
}

/// What a folder has, with its size, if it is for this weir.
fn read(folder: &Folder, identity: &Identity) -> Result<Option<(usize, About, Vec<Event>)>, Refused> {
    let Some(bytes) = folder.read()? else { return Ok(None) };
    let (about, events) = decode(&bytes)?;
    identity.check(&about.identity)?;
    Ok(Some((bytes.len(), about, events)))
}
