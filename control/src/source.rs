//! Where do objects come from, and how does a source become a stream of Snapshots?

use crate::{
    FileProblem, Objects, PublishedChanges, Scope, State, Status,
    api_server::{self, ConfigError, KubeSource, Links},
    blocking::blocking,
    disk::{Disk, Folder, Identity, OverridesFile},
    driver::{self, Driver, Input, Inputs},
    events::EventDesk,
    file::{self, FileSource, Report},
    overrides::{OperatorOverrides, keep_in, keeper},
    store::Store,
};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};
use weir_core::{Findings, Node, Overrides, Snapshot};

/// Where objects come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Manifests on disk or from standard input.
    File(FileSource),
    /// API server of a cluster.
    Kube(KubeSource),
}

/// Running control plane. Dropping it stops it; the last Snapshot stays readable.
#[derive(Debug)]
pub struct Control {
    /// Snapshots to serve. Generation 0 until Services and EndpointSlices were listed completely, and as long
    /// as there is nothing to serve.
    pub snapshots: watch::Receiver<Snapshot>,
    /// State of the control plane.
    pub status: watch::Receiver<Status>,
    /// Changes of endpoints that each Snapshot brings, to measure their propagation. Bounded: changes that
    /// nobody receives are dropped.
    pub changes: mpsc::Receiver<PublishedChanges>,
    /// Objects that the Snapshot follows from, and what guards refuse of them; cheap to clone.
    pub objects: watch::Receiver<Objects>,
    /// Findings of the first load of manifests; `None` for an API server.
    pub first_load: Option<Report>,
    tasks: JoinSet<()>,
    saving: Option<JoinHandle<()>>,
    /// Number of times that the credentials were asked to be read again.
    reloads: watch::Sender<u64>,
    /// Does not keep the driver running when its source has ended.
    inputs: mpsc::WeakSender<Input>,
    overrides: OperatorOverrides,
}

impl Control {
    /// The credentials in use, to have them read again while the control plane runs.
    pub fn credentials(&self) -> Credentials {
        Credentials(self.reloads.clone())
    }

    /// The addresses of this host, to tell the control plane of a change.
    pub fn host_addresses(&self) -> HostAddresses {
        HostAddresses(self.inputs.clone())
    }

    /// What an operator says of endpoints and nodes, to change it.
    pub fn overrides(&self) -> OperatorOverrides {
        self.overrides.clone()
    }

    /// What the data plane finds wrong with Services, to tell the control plane of a change.
    pub fn service_findings(&self) -> ServiceFindings {
        ServiceFindings(self.inputs.clone())
    }

    /// Stops the control plane; returns when the last state is saved, or cannot be saved.
    pub async fn end(mut self) {
        self.tasks.shutdown().await;
        if let Some(saving) = self.saving.take() {
            _ = saving.await;
        }
    }
}

/// Credentials of a running control plane.
#[derive(Clone, Debug)]
pub struct Credentials(watch::Sender<u64>);

impl Credentials {
    /// Has the kubeconfig or service account, and all that it names, read again now; returns at once. A new client
    /// takes over, and every watch lists again; what cannot be used changes nothing. Either way is one line in
    /// the log. Without effect for manifests.
    pub fn read_again(&self) {
        self.0.send_modify(|reloads| *reloads = reloads.wrapping_add(1));
    }
}

/// Addresses of this host's interfaces, by which guards judge endpoints and Service addresses.
#[derive(Clone, Debug)]
pub struct HostAddresses(mpsc::WeakSender<Input>);

impl HostAddresses {
    /// Replaces the addresses; without effect once the control plane has ended, and where guards are off.
    pub async fn set(&self, addresses: BTreeSet<IpAddr>) {
        if let Some(inputs) = self.0.upgrade() {
            _ = inputs.send(Input::HostAddresses(addresses)).await;
        }
    }
}

/// What a data plane finds wrong with Services, for Events about them.
#[derive(Clone, Debug)]
pub struct ServiceFindings(mpsc::WeakSender<Input>);

impl ServiceFindings {
    /// Replaces what is found; without effect once the control plane has ended, and where no Events are written.
    pub async fn set(&self, findings: Findings) {
        if let Some(inputs) = self.0.upgrade() {
            _ = inputs.send(Input::Findings(findings)).await;
        }
    }
}

/// Reason why the control plane cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A manifest that was named cannot be read.
    #[error("{0}")]
    Manifests(FileProblem),
    /// No usable way to reach an API server is configured.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Snapshots whose changes may wait to be measured.
const UNMEASURED: usize = 64;

/// Events that may wait to be written.
const UNWRITTEN: usize = 1;

/// Starts to read objects. An API server that cannot be reached is no error: connecting is retried for ever.
///
/// Call it on a tokio runtime with time and I/O enabled.
pub async fn start(source: Source, scope: Scope) -> Result<Control, StartError> {
    let (inputs, received) = driver::channel();
    let weak_inputs = inputs.downgrade();
    let mut tasks = JoinSet::new();
    let (mut first_load, mut saving) = (None, None);
    let reloads = watch::Sender::default();
    let (nodes_wanted, wanted) = watch::channel(None);
    let mut desk = None;
    let mut guards = scope.guards(matches!(source, Source::Kube(_)));
    let mut overrides_file = None;
    match source {
        Source::File(source) => {
            let folder = source.state_dir.clone().map(|path| Arc::new(Folder::new(path)));
            overrides_file = folder.map(|folder| OverridesFile::new(folder, identity(String::new(), &scope)));
            first_load =
                Some(file::start(source, &scope, inputs, &mut tasks).await.map_err(StartError::Manifests)?);
        }
        Source::Kube(source) => {
            let url = api_server::url(&source).await?;
            guards.iter_mut().for_each(|rules| rules.virtual_ips.api_server = api_server::address(&url));
            let events = source.write_events.then(|| mpsc::channel(UNWRITTEN));
            let (posts, events) = events.unzip();
            desk = posts.map(|posts| EventDesk::new(&scope.node_name, posts));
            let links = Links { reloads: reloads.subscribe(), nodes_wanted: wanted, events };
            let mut restored = false;
            if let Some(folder) = source.state_dir.clone() {
                let (folder, identity) = (Arc::new(Folder::new(folder)), identity(url, &scope));
                overrides_file = Some(OverridesFile::new(Arc::clone(&folder), identity.clone()));
                let disk = Disk::new(folder, identity, scope.defaults.clone());
                let (found, states, task) = restore(disk, &inputs).await;
                (restored, saving) = (found, Some((states, task)));
            }
            watch_api_server(source, &scope, inputs, links, restored, &mut tasks).await?;
        }
    }
    let (snapshots, published) = watch::channel(Snapshot::of(Node::named(&*scope.node_name)));
    let (status, status_seen) = watch::channel(Status::default());
    let (brought, changes) = mpsc::channel(UNMEASURED);
    let mut store = Store::new(&scope.node_name).with_guards(guards);
    let overrides = start_overrides(overrides_file, &weak_inputs, &mut store, &mut tasks).await;
    let (states, saving) = saving.unzip();
    let driver = Driver::new(store, snapshots, status, brought, states).wanting_nodes_by(nodes_wanted);
    let objects = driver.objects();
    let driver = driver.writing_events(desk);
    tasks.spawn(driver.run(received));
    Ok(Control {
        snapshots: published,
        status: status_seen,
        changes,
        objects,
        first_load,
        tasks,
        saving,
        reloads,
        inputs: weak_inputs,
        overrides,
    })
}

/// Starts to watch an API server. With a restored state it may be away, and so may what gives the credentials.
async fn watch_api_server(
    source: KubeSource,
    scope: &Scope,
    inputs: Inputs,
    mut links: Links,
    restored: bool,
    tasks: &mut JoinSet<()>,
) -> Result<(), ConfigError> {
    if !restored {
        return api_server::start(source, scope, &inputs, &mut links, tasks).await;
    }
    tasks.spawn(api_server::start_with_retries(source, scope.clone(), inputs, links));
    Ok(())
}

/// Identity of the weir that the state is saved for.
fn identity(api_server: String, scope: &Scope) -> Identity {
    let service_proxy_name = scope.selection.service_proxy_name.clone();
    Identity { api_server, node_name: scope.node_name.clone(), service_proxy_name }
}

/// Sends the state that an earlier run has saved to the driver, if there is one, and starts to save states.
/// Returns whether there was one, the sender of states, and the saving task.
async fn restore(mut disk: Disk, inputs: &Inputs) -> (bool, watch::Sender<State>, JoinHandle<()>) {
    let restored = disk.load().await;
    let found = restored.is_some();
    if let Some(restored) = restored {
        // The channel has room: the driver that receives it starts later.
        _ = inputs.send(Input::Saved(restored)).await;
    }
    let (states, seen) = watch::channel(State::default());
    (found, states, tokio::spawn(disk.run(seen)))
}

/// Reads what an operator has said before the restart, and starts to keep what is said from now on.
async fn start_overrides(
    file: Option<OverridesFile>,
    inputs: &mpsc::WeakSender<Input>,
    store: &mut Store,
    tasks: &mut JoinSet<()>,
) -> OperatorOverrides {
    let Some(file) = file else {
        return OperatorOverrides::new(Overrides::default(), inputs.clone(), None);
    };
    let kept = file.clone();
    let overrides = blocking(move || kept.load()).await;
    store.set_overrides(overrides.clone());
    let (keeper, wanted) = keeper();
    tasks.spawn(keep_in(file, wanted));
    OperatorOverrides::new(overrides, inputs.clone(), Some(keeper))
}
