//! Where do objects come from, and how does a source become a stream of Snapshots?

use crate::{
    Brought, FileProblem, Scope, Status,
    api_server::{self, ConfigError, KubeSource},
    driver::{self, Driver},
    file::{self, FileSource, Report},
    store::Store,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use weir_core::{Node, Snapshot};

/// Where objects come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Manifests on disk or from standard input.
    File(FileSource),
    /// An API server.
    Kube(KubeSource),
}

/// A running control plane. Dropping it stops it; the last Snapshot stays readable.
#[derive(Debug)]
pub struct Control {
    /// What is to be served. Generation 0 until both lists were complete, and for as long as nothing is to be served.
    pub snapshots: watch::Receiver<Snapshot>,
    /// How the control plane itself is doing.
    pub status: watch::Receiver<Status>,
    /// What each Snapshot brings, to measure how long that took. Bounded: what nobody takes is left out.
    pub changes: mpsc::Receiver<Brought>,
    /// What the first load of the manifests found; `None` for an API server.
    pub first_load: Option<Report>,
    _tasks: JoinSet<()>,
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

/// How many Snapshots may wait to be measured.
const UNMEASURED: usize = 64;

/// Starts to read objects. An API server that cannot be reached is no error: it is retried for ever.
///
/// Call it on a tokio runtime with time and I/O enabled.
pub async fn start(source: Source, scope: Scope) -> Result<Control, StartError> {
    let (inputs, received) = driver::channel();
    let mut tasks = JoinSet::new();
    let mut first_load = None;
    let mut guards = scope.guards(matches!(source, Source::Kube(_)));
    match source {
        Source::File(source) => {
            first_load =
                Some(file::start(source, &scope, inputs, &mut tasks).await.map_err(StartError::Manifests)?);
        }
        Source::Kube(source) => {
            let address = api_server::start(source, &scope, inputs, &mut tasks).await?;
            guards.iter_mut().for_each(|rules| rules.api_server = address);
        }
    }
    let (snapshots, published) = watch::channel(Snapshot::of(Node::named(&*scope.node_name)));
    let (status, status_seen) = watch::channel(Status::default());
    let (brought, changes) = mpsc::channel(UNMEASURED);
    let store = Store::new(&scope.node_name).with_guards(guards);
    tasks.spawn(Driver::new(store, snapshots, status, brought).run(received));
    Ok(Control { snapshots: published, status: status_seen, changes, first_load, _tasks: tasks })
}
