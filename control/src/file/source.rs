//! Which manifests are read, and how often are they scanned?

use std::{path::PathBuf, time::Duration};

/// Manifests: files, directories (every `*.yaml`, `*.yml` and `*.json` directly in them), or `-` for standard
/// input.
///
/// Watched through inotify, by which a change shows within milliseconds: a write that is closed, a rename over a file, the
/// symlink swap of a mounted ConfigMap, a file or folder that comes or goes. Where inotify does not work, and from time to
/// time everywhere, the paths are scanned. Standard input and named pipes are read once.
#[derive(Clone, Debug)]
pub struct FileSource {
    /// Paths to read. Of two objects with one key the first in this order counts.
    pub paths: Vec<PathBuf>,
    /// Interval at which the paths are scanned for changes of which the kernel does not tell. Ten times as long where it
    /// tells.
    pub poll_interval: Duration,
    /// Whether the kernel is asked to tell of changes (inotify).
    pub notified: bool,
    /// Folder in which overrides are kept over a restart; `None` for none. Objects are not kept: they are in the files.
    pub state_dir: Option<PathBuf>,
}

impl FileSource {
    /// Creates a source whose changes are noticed through inotify, else once a second.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let paths = paths.into_iter().map(Into::into).collect();
        Self { paths, poll_interval: Duration::from_secs(1), notified: true, state_dir: None }
    }
}
