//! Who may capture in this network namespace? The holder of the lock.

use super::{
    marker::{MARKER, Marker, MarkerState},
    runtime_dir::RuntimeDir,
};
use std::{io, os::fd::OwnedFd};
use tracing::warn;

/// The right to capture in this network namespace, given back when dropped.
#[derive(Debug)]
pub(crate) struct CaptureLock {
    /// The locked file. Duplicates share the lock, which ends with the last one.
    file: Option<OwnedFd>,
    marker: Option<Marker>,
}

impl CaptureLock {
    /// Takes the lock; `None` while another weir holds it. Without a runtime directory the name in the kernel is all there
    /// is: should another user have it, nobody can tell whether a weir runs, and this one does not wait for that.
    pub(crate) fn acquire(runtime_dir: Option<&RuntimeDir>) -> io::Result<Option<Self>> {
        let file = match runtime_dir {
            Some(runtime_dir) => match runtime_dir.lock()? {
                Some(file) => Some(file),
                None => return Ok(None),
            },
            None => None,
        };
        let marker = match Marker::acquire(MARKER)? {
            MarkerState::Taken(marker) => Some(marker),
            MarkerState::Held => return Ok(None),
            MarkerState::Squatted => {
                warn!(
                    "a process of another user holds the abstract socket @{MARKER}, as if it were a weir; it is passed over \
                     ('ss -xlp' on the host names it)"
                );
                None
            }
        };
        Ok(Some(Self { file, marker }))
    }

    /// The lock of a weir that has handed over: its locked file.
    pub(crate) fn inherited(file: OwnedFd) -> Self {
        Self { file: Some(file), marker: None }
    }

    /// The locked file, to be handed over; `None` without a runtime directory.
    pub(crate) fn file(&self) -> Option<&OwnedFd> {
        self.file.as_ref()
    }

    /// Keeps the name in the kernel usable, and takes it once it is free.
    pub(crate) fn tend(&mut self) {
        match &self.marker {
            Some(marker) => marker.drain(),
            None => {
                if let Ok(MarkerState::Taken(marker)) = Marker::acquire(MARKER) {
                    self.marker = Some(marker);
                }
            }
        }
    }
}
