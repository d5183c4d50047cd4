//! How is a real API server written to?

use anyhow::{Context, Result, anyhow};
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, Client, Config, Error,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Mutex, PoisonError, mpsc as std_mpsc},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use weir_testkit::{
    OwnThread, RealApiServer,
    cluster::{Host, SERVICE_CIDR},
    load::Write,
};

/// Number of requests under way at the same time.
const AT_ONCE: usize = 32;
/// The longest wait for the API server to become ready.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Metadata that only an API server may set.
const FOREIGN: [&str; 5] = ["uid", "creationTimestamp", "managedFields", "generation", "resourceVersion"];

/// A real API server and the thread that writes to the server. Both end when this is dropped.
#[derive(Debug)]
pub(crate) struct Real(OwnThread<Running>);

#[derive(Debug)]
struct Running {
    kubeconfig: String,
    requests: mpsc::UnboundedSender<Request>,
    server: Mutex<RealApiServer>,
}

/// Writes, and the channel of the caller that waits for their end.
type Request = (Vec<Write>, std_mpsc::Sender<Result<()>>);

impl Real {
    /// Starts an API server on this host.
    pub(crate) fn start(host: &Host) -> Result<Self> {
        let ip = host.v4();
        let started = host.namespace().enter(|| {
            OwnThread::start(move || async move {
                let server = RealApiServer::start_at(ip, SERVICE_CIDR).await?;
                let missing = "KUBEBUILDER_ASSETS does not name a folder with kube-apiserver and etcd";
                let server = server.ok_or_else(|| io::Error::other(missing))?;
                let kubeconfig = server.kubeconfig();
                let client = timeout(START_LIMIT, client(&kubeconfig)).await?;
                let (requests, received) = mpsc::unbounded_channel();
                tokio::spawn(serve(client, received));
                Ok(Running { kubeconfig, requests, server: Mutex::new(server) })
            })
        });
        started?.map(Self).context("a real API server cannot be started")
    }

    pub(crate) fn kubeconfig(&self) -> &str {
        &self.0.kubeconfig
    }

    /// Ends the API server; etcd keeps its objects.
    pub(crate) fn stop(&self) {
        self.0.server.lock().unwrap_or_else(PoisonError::into_inner).shut_down();
    }

    /// Makes these writes, several at a time; returns when all were answered.
    pub(crate) fn write(&self, writes: Vec<Write>) -> Result<()> {
        let (done, answered) = std_mpsc::channel();
        self.0.requests.send((writes, done)).map_err(|_| anyhow!("nobody writes any more"))?;
        answered.recv().context("nobody writes any more")?
    }
}

/// A client that is answered: the port opens long before the server is ready.
async fn client(kubeconfig: &str) -> Client {
    _ = rustls::crypto::ring::default_provider().install_default();
    loop {
        if let Ok(client) = try_client(kubeconfig).await {
            return client;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn try_client(kubeconfig: &str) -> Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    client.request_text(kube::core::Request::new("/readyz").list(&Default::default())?).await?;
    Ok(client)
}

async fn serve(client: Client, mut requests: mpsc::UnboundedReceiver<Request>) {
    while let Some((writes, done)) = requests.recv().await {
        let outcome = stream::iter(writes)
            .map(|write| send(&client, write))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await;
        // Whoever asked may have given up.
        let _ = done.send(outcome.context("the API server refuses a write"));
    }
}

async fn send(client: &Client, write: Write) -> Result<(), Error> {
    match write {
        Write::Apply(object) => put(client, object).await,
        Write::Delete(resource, namespace, name) => {
            let api = api(client, resource.api_version(), resource.kind(), Some(&namespace));
            api.delete(&name, &DeleteParams::default()).await.map(drop)
        }
    }
}

/// Replaces an object, or creates one, and its namespace before.
async fn put(client: &Client, mut object: Value) -> Result<(), Error> {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|field, _| !FOREIGN.contains(&field.as_str()));
    }
    let object: DynamicObject = serde_json::from_value(object).map_err(Error::SerdeError)?;
    let types = object.types.clone().unwrap_or_default();
    let namespace = object.metadata.namespace.as_deref();
    let api = api(client, &types.api_version, &types.kind, namespace);
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let parameters = PostParams::default();
    let replaced = api.replace(name, &parameters, &object).await.map(drop);
    if !is_missing(&replaced) {
        return replaced;
    }
    let created = api.create(&parameters, &object).await.map(drop);
    match namespace {
        Some(namespace) if is_missing(&created) => {
            create_namespace(client, namespace).await?;
            api.create(&parameters, &object).await.map(drop)
        }
        _ => created,
    }
}

async fn create_namespace(client: &Client, name: &str) -> Result<(), Error> {
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let object: DynamicObject = serde_json::from_value(object).map_err(Error::SerdeError)?;
    match api(client, "v1", "Namespace", None).create(&PostParams::default(), &object).await {
        // Another request under way has done it.
        Err(Error::Api(status)) if status.code == 409 => Ok(()),
        outcome => outcome.map(drop),
    }
}

fn is_missing(outcome: &Result<(), Error>) -> bool {
    matches!(outcome, Err(Error::Api(status)) if status.code == 404)
}

fn api(client: &Client, api_version: &str, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}
