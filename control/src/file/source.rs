//! Which manifests are read, and how often are they scanned?

use std::{path::PathBuf, time::Duration};

/// Manifests: files, directories (every `*.yaml`, `*.yml` and `*.json` directly in them), or `-` for standard
/// input.
///
/// Watched by polling, which sees every kind of change: writes, renames over a file, and the symlink swap of a
/// mounted ConfigMap. Standard input and named pipes are read once.
#[derive(Clone, Debug)]
pub struct FileSource {
    /// Paths to read. Of two objects with one key the first in this order counts.
    pub paths: Vec<PathBuf>,
    /// Interval at which the paths are scanned for changes.
    pub poll_interval: Duration,
}

impl FileSource {
    /// Creates a source whose paths are scanned once a second.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let paths = paths.into_iter().map(Into::into).collect();
        Self { paths, poll_interval: Duration::from_secs(1) }
    }
}
