//! Where is weir measured? On a node of a cluster whose endpoints all answer.

mod api;
pub(crate) mod client;
mod endpoints;
mod metrics;
mod weir;

pub(crate) use weir::Weir;

use crate::{
    arguments::{Amounts, ApiServer},
    pause::pause,
};
use anyhow::{Context, Result, bail};
use api::Api;
use client::HANG;
use endpoints::Endpoints;
use serde_json::{Value, json};
use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process,
    time::{Duration, Instant},
};
use weir_bench::allow_many_connections;
use weir_testkit::{
    cluster::{CLUSTER_CIDR, Cluster, Host, NodePlan, SERVICE_CIDR},
    load::{POD_NETWORKS, Workload, Write},
};

/// The file in the bed's folder by which weir reaches the API server.
const KUBECONFIG: &str = "kubeconfig";
/// The folder in the bed's folder in which weir keeps its state.
const STATE: &str = "state";

/// Name of the node that weir runs on.
const NODE: &str = "node-a";
/// Name and cable of the pod that has the addresses of all endpoints.
const ENDPOINTS: (&str, &str) = ("endpoints", "cali-endpoints");
/// Name of the pod of clients.
const CLIENT: &str = "client";

/// Number of objects that are written together.
const AT_ONCE: usize = 500;

/// A cluster without Services at first.
#[derive(Debug)]
pub(crate) struct Bed {
    /// Holds the kubeconfig and weir's state.
    folder: PathBuf,
    program: PathBuf,
    amounts: Amounts,
    // In the order in which they go.
    api: Api,
    _endpoints: Endpoints,
    cluster: Cluster,
}

impl Bed {
    /// Builds the cluster in which this weir is to be measured.
    pub(crate) fn build(api_server: ApiServer, amounts: Amounts, program: &Path) -> Result<Self> {
        let Some(mut cluster) = Cluster::create(&[NodePlan::routed(NODE)]) else {
            bail!("it is measured in network namespaces, which need root, iproute2 and nftables");
        };
        cluster.start_pod(NODE, ENDPOINTS.0);
        cluster.start_pod(NODE, CLIENT);
        allow_many_connections(cluster.pod(CLIENT).namespace())?;
        let endpoints = Endpoints::start(cluster.node(NODE), cluster.pod(ENDPOINTS.0), ENDPOINTS.1)
            .context("endpoints cannot be served")?;
        let folder = env::temp_dir().join(format!("weir-scale-{}", process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let api = Api::start(api_server, &cluster)?;
        let kubeconfig = folder.join(KUBECONFIG);
        fs::write(&kubeconfig, api.kubeconfig(&cluster))
            .with_context(|| format!("cannot write {}", kubeconfig.display()))?;
        let bed = Self { folder, program: program.to_owned(), amounts, api, _endpoints: endpoints, cluster };
        bed.fill([bed.node_object()])?;
        Ok(bed)
    }

    /// The amounts to measure with.
    pub(crate) fn amounts(&self) -> Amounts {
        self.amounts
    }

    /// Puts objects into the API server.
    pub(crate) fn fill(&self, objects: impl IntoIterator<Item = Value>) -> Result<()> {
        let mut objects = objects.into_iter().map(Write::Apply);
        loop {
            // Not all at once: a parsed object takes ten times the memory of its text.
            let some: Vec<Write> = objects.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            self.write_all(some)?;
        }
    }

    /// Writes one change to the API server; returns when that has answered.
    pub(crate) fn write(&self, write: Write) -> Result<()> {
        self.write_all(vec![write])
    }

    /// Writes many changes, in any order; returns when all were answered.
    pub(crate) fn write_all(&self, writes: Vec<Write>) -> Result<()> {
        self.api.write(&self.cluster, writes)
    }

    /// Number of lists that the API server has sent to their end, of the kind with fewer ones. `None` where that is not known.
    pub(crate) fn complete_lists(&self) -> Option<u64> {
        self.api.complete_lists(&self.cluster)
    }

    /// Waits until the API server has sent more lists than that to their end, and returns when that was. `None` where that is not
    /// known.
    pub(crate) fn wait_for_lists(&self, more_than: Option<u64>) -> Result<Option<Instant>> {
        let start = Instant::now();
        while more_than.is_some() && self.complete_lists() <= more_than {
            if start.elapsed() > HANG {
                bail!("weir has not listed all Services and EndpointSlices after {HANG:?}");
            }
            pause(Duration::from_millis(1));
        }
        Ok(more_than.map(|_| Instant::now()))
    }

    /// Takes the API server away.
    pub(crate) fn stop_api(&self) {
        self.api.stop(&self.cluster);
    }

    /// Starts weir on the node, without a state on disk.
    pub(crate) fn start_weir(&self) -> Result<Weir<'_>> {
        // There is none at first.
        let _ = fs::remove_dir_all(self.folder.join(STATE));
        self.start_weir_again()
    }

    /// Starts weir on the node, with the state that the last one has left on disk.
    pub(crate) fn start_weir_again(&self) -> Result<Weir<'_>> {
        let pods = format!("{CLUSTER_CIDR},{}", POD_NETWORKS.join(","));
        let [kubeconfig, state] =
            [KUBECONFIG, STATE].map(|name| self.folder.join(name).to_string_lossy().into_owned());
        let start =
            ["run", "--mode", "node", "--node-name", NODE, "--kubeconfig", &kubeconfig, "--runtime-dir="];
        let networks = ["--cluster-cidr", &pods, "--service-cidr", SERVICE_CIDR];
        let arguments = [&start[..], &networks, &["--state-dir", &state]].concat();
        Weir::start(self.node(), &self.program, &arguments)
    }

    /// Number of bytes that weir has saved.
    pub(crate) fn size_of_state(&self) -> Result<u64> {
        let files = fs::read_dir(self.folder.join(STATE)).context("weir has kept no state")?;
        files.map(|file| Ok(file?.metadata()?.len())).sum()
    }

    /// Runs something on the client's host.
    pub(crate) fn on_client<T: Send>(&self, body: impl FnOnce() -> T + Send) -> Result<T> {
        self.cluster.pod(CLIENT).namespace().enter(body).context("cannot enter the client's host")
    }

    fn node(&self) -> &Host {
        self.cluster.node(NODE)
    }

    fn node_object(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": NODE, "labels": { "topology.kubernetes.io/zone": "eu-central-1a" } },
            "spec": { "podCIDRs": ["10.244.0.0/24"] },
            "status": { "addresses": [{ "type": "InternalIP", "address": self.node().v4() }] },
        })
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Address and port of a Service.
pub(crate) fn frontend(workload: &Workload) -> SocketAddr {
    SocketAddr::new(workload.cluster_ip().into(), 80)
}
