//! Where do objects come from, and how does a source become a stream of Snapshots?

mod driver;
mod journal;
mod meters;
mod pace;

pub(crate) use driver::{Input, Inputs};
pub(crate) use meters::WATCH_ERRORS;

use crate::{
    Kind, Selection,
    api_server::{self, ConfigError, KubeSource},
    file::{self, FileProblem, FileSource, Report},
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use weir_core::{Node, Snapshot};

/// Where objects come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Manifests on disk or from standard input.
    File(FileSource),
    /// An API server.
    Kube(KubeSource),
}

/// For whom objects are read.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The name of this proxy's node; empty when it runs on none.
    pub node_name: String,
    /// Which Services are ours.
    pub selection: Selection,
}

/// A running control plane. Dropping it stops it; the last Snapshot stays readable.
#[derive(Debug)]
pub struct Control {
    /// What is to be served. Generation 0 until both lists were complete, and for as long as nothing is to be served.
    pub snapshots: watch::Receiver<Snapshot>,
    /// How the control plane itself is doing.
    pub status: watch::Receiver<Status>,
    /// What the first load of the manifests found; `None` for an API server.
    pub first_load: Option<Report>,
    _tasks: JoinSet<()>,
}

/// How the control plane is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Whether Services and EndpointSlices were both listed completely and what follows from them was published.
    pub ready: bool,
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

/// Why the control plane cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A manifest that was named cannot be read.
    #[error("{0}")]
    Manifests(FileProblem),
    /// There is no usable way to reach an API server.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Starts to read objects. An API server that cannot be reached is no error: it is retried for ever.
///
/// Call it on a tokio runtime with time and I/O enabled.
pub async fn start(source: Source, scope: Scope) -> Result<Control, StartError> {
    let (inputs, received) = driver::channel();
    let mut tasks = JoinSet::new();
    let mut first_load = None;
    match source {
        Source::File(source) => {
            first_load =
                Some(file::start(source, &scope, inputs, &mut tasks).await.map_err(StartError::Manifests)?);
        }
        Source::Kube(source) => api_server::start(source, &scope, inputs, &mut tasks).await?,
    }
    let (snapshots, published) = watch::channel(Snapshot::of(Node::named(&*scope.node_name)));
    let (status, status_seen) = watch::channel(Status::default());
    tasks.spawn(driver::Driver::new(&scope.node_name, snapshots, status).run(received));
    Ok(Control { snapshots: published, status: status_seen, first_load, _tasks: tasks })
}
