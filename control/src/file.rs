//! Which objects do manifests on disk hold, now and after each change?
//!
//! ```text
//! paths (which files, what changed) -> parse (documents) -> objects -> contents (last good state) -> catalog -> events
//! ```

mod contents;
mod location;
mod manifests;
mod objects;
mod parse;
mod paths;

use crate::{
    FileProblem, Problem, Scope, Store,
    blocking::blocking,
    driver::{Input, Inputs},
};
use manifests::{Catalog, Load};
use paths::Look;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{task::JoinSet, time::sleep};
use tracing::{error, info};
use weir_core::Snapshot;

/// Manifests: files, directories (every `*.yaml`, `*.yml` and `*.json` directly in them), or `-` for standard input.
///
/// Watched by polling, which sees every kind of change: writes, renames over a file, and the symlink swap of a
/// mounted ConfigMap. Standard input and named pipes are read once.
#[derive(Clone, Debug)]
pub struct FileSource {
    /// What to read. Of two objects with one key the first in this order counts.
    pub paths: Vec<PathBuf>,
    /// How often to look whether something changed.
    pub poll_interval: Duration,
}

impl FileSource {
    /// Manifests that are looked at once a second.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let paths = paths.into_iter().map(Into::into).collect();
        Self { paths, poll_interval: Duration::from_secs(1) }
    }
}

/// What loading manifests found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many objects are used.
    pub objects: usize,
    /// What is wrong; what is right is served.
    pub problems: Vec<FileProblem>,
    /// Kinds that weir does not look at (`apps/v1 Deployment`), and how many objects of each were skipped.
    pub skipped: BTreeMap<String, usize>,
}

/// The outcome of [`load_manifests`].
#[derive(Debug)]
pub struct Loaded {
    /// What the node would serve.
    pub snapshot: Snapshot,
    /// What was found.
    pub report: Report,
    /// What guards refused; nothing without them.
    pub refused: Vec<Problem>,
}

/// Reads manifests once and computes what the node would serve. Blocks.
pub fn load_manifests(paths: &[PathBuf], scope: &Scope) -> Result<Loaded, FileProblem> {
    load_manifests_with(paths, io::stdin(), scope)
}

/// The same with something else in place of standard input.
pub fn load_manifests_with(
    paths: &[PathBuf],
    stdin: impl Read,
    scope: &Scope,
) -> Result<Loaded, FileProblem> {
    let mut catalog = Catalog::new(scope.clone());
    let load = first_load(&mut catalog, paths, &paths::look(paths), stdin)?;
    let mut store = Store::new(&scope.node_name).with_guards(scope.guards(false));
    load.events.into_iter().for_each(|event| store.apply(event));
    let commit = store.commit();
    let refused = commit.refusals.iter().flat_map(|refusals| refusals.problems().into_values()).collect();
    Ok(Loaded { snapshot: commit.snapshot, report: load.report, refused })
}

/// The most that is read of one file.
const MOST_BYTES: u64 = 64 << 20;

/// How long files have to stay the same before they are read: they may be in the middle of a write.
const SETTLE: Duration = Duration::from_millis(100);

/// A file that is written all the time is read anyway after this many looks.
const MOST_LOOKS: u32 = 20;

/// At start, what was named has to be readable.
fn first_load(
    catalog: &mut Catalog,
    paths: &[PathBuf],
    look: &Look,
    mut stdin: impl Read,
) -> Result<Load, FileProblem> {
    debug_assert_eq!(look.roots.len(), paths.len());
    let load = catalog.load(look, &mut |path| {
        if paths::is_stdin(path) { read(&mut stdin) } else { read_file(path) }
    });
    match load.unreadable {
        Some(problem) => Err(problem),
        None => Ok(load),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    read(File::open(path).map_err(|error| paths::reason(&error))?)
}

fn read(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| paths::reason(&error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("it is larger than {} MiB", MOST_BYTES >> 20));
    }
    Ok(bytes)
}

/// Loads the manifests and goes on watching them.
pub(crate) async fn start(
    source: FileSource,
    scope: &Scope,
    inputs: Inputs,
    tasks: &mut JoinSet<()>,
) -> Result<Report, FileProblem> {
    let catalog = Catalog::new(scope.clone());
    let mut watch = Watch { source, catalog, look: Look::default(), report: None, noted: BTreeSet::new() };
    let (watch, load) = blocking(move || {
        watch.look = paths::look(&watch.source.paths);
        let load = first_load(&mut watch.catalog, &watch.source.paths, &watch.look, io::stdin());
        (watch, load)
    })
    .await;
    let load = load?;
    let report = load.report.clone();
    tasks.spawn(watch.run(load, inputs));
    Ok(report)
}

/// Looks at the manifests again and again.
struct Watch {
    source: FileSource,
    catalog: Catalog,
    look: Look,
    /// What was found last.
    report: Option<Report>,
    /// Kinds of which was said that they are skipped.
    noted: BTreeSet<String>,
}

impl Watch {
    async fn run(mut self, first: Load, inputs: Inputs) {
        let mut load = Some(first);
        loop {
            if let Some(load) = load.take() {
                self.note(&load.report);
                let input = Input::Manifests { events: load.events, problems: load.report.problems };
                if inputs.send(input).await.is_err() {
                    return error!("the control plane has ended; the manifests are not watched any more");
                }
            }
            sleep(self.source.poll_interval).await;
            (self, load) = self.poll().await;
        }
    }

    /// Reads what changed, once it has settled.
    async fn poll(mut self) -> (Self, Option<Load>) {
        let mut look;
        (self, look) = self.look().await;
        if look == self.look && !self.catalog.is_incomplete() {
            return (self, None);
        }
        for _ in 0..MOST_LOOKS {
            sleep(SETTLE.min(self.source.poll_interval)).await;
            let before = look;
            (self, look) = self.look().await;
            if look == before {
                break;
            }
        }
        blocking(move || {
            // What can be read only once is not read again: its fingerprint never changes.
            let load = self.catalog.load(&look, &mut read_file);
            self.look = look;
            (self, Some(load))
        })
        .await
    }

    async fn look(self) -> (Self, Look) {
        blocking(move || {
            let look = paths::look(&self.source.paths);
            (self, look)
        })
        .await
    }

    /// Says what a load found, and once for each kind that it is skipped.
    fn note(&mut self, report: &Report) {
        // A file that stays unreadable is tried again and again, which is worth one line.
        if self.report.as_ref() == Some(report) {
            return;
        }
        self.report = Some(report.clone());
        info!(objects = report.objects, problems = report.problems.len(), "the manifests are loaded");
        for (kind, count) in &report.skipped {
            if self.noted.len() < MOST_NOTES && self.noted.insert(kind.clone()) {
                info!(
                    "skipping {count} of {kind}: weir looks at Service, EndpointSlice, Node and ServiceCIDR"
                );
            }
        }
    }
}

/// How many kinds are remembered as told.
const MOST_NOTES: usize = 100;
