//! What is started to follow an API server? One watch for each kind.

use super::{
    backoff::{Retries, UNAVAILABLE},
    client::{ConfigError, SharedClient},
    event_writer::write_events,
    nodes,
    source::KubeSource,
    target::Target,
    watch::Watch,
};
use crate::{
    Kind, Scope, WatchState,
    driver::{Input, Inputs, NodesWanted},
    events::EventPost,
};
use std::sync::Arc;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, timeout},
};
use tracing::{info, warn};

/// What the rest of the control plane asks of its connection to the API server.
pub(crate) struct Links {
    /// Requests to read the credentials again.
    pub(crate) reloads: watch::Receiver<u64>,
    /// Says when all Nodes are to be listed.
    pub(crate) nodes_wanted: watch::Receiver<NodesWanted>,
    /// Events to be written; `None` once they are taken, and where none are written.
    pub(crate) events: Option<mpsc::Receiver<EventPost>>,
}

/// Starts one watch for each kind, with its own back-off: none waits for another.
pub(crate) async fn start(
    source: KubeSource,
    scope: &Scope,
    inputs: &Inputs,
    links: &mut Links,
    tasks: &mut JoinSet<()>,
) -> Result<(), ConfigError> {
    let client = Arc::new(SharedClient::new(source).await?);
    info!("watching the API server at {}", client.current().await.server);
    let mut targets =
        vec![Target::services(&scope.selection), Target::endpoint_slices(), Target::service_cidrs()];
    if !scope.node_name.is_empty() {
        targets.push(Target::node(&scope.node_name));
    }
    for target in targets {
        tasks.spawn(Watch::new(&client, target, scope, inputs).run());
    }
    tasks.spawn(nodes::list_wanted(
        Arc::clone(&client),
        scope.clone(),
        inputs.clone(),
        links.nodes_wanted.clone(),
    ));
    if let Some(posts) = links.events.take() {
        tasks.spawn(write_events(Arc::clone(&client), scope.node_name.clone(), posts));
    }
    tasks.spawn(reload(client, links.reloads.clone()));
    Ok(())
}

/// Reads the configuration again at each request of `requests`, until nobody can ask any more. Says in one line
/// what came of it.
async fn reload(client: Arc<SharedClient>, mut requests: watch::Receiver<u64>) {
    while requests.changed().await.is_ok() {
        match client.reload().await {
            Ok(client) => info!("read the credentials again; watching the API server at {}", client.server),
            Err(error) => warn!("keeping the credentials that are in use: {}", error.line()),
        }
    }
}

/// Starts the watches, retries while no usable way to reach an API server is configured, and runs until the
/// watches end. Plugins and files that give credentials may be as far away as the API server.
pub(crate) async fn start_with_retries(source: KubeSource, scope: Scope, inputs: Inputs, mut links: Links) {
    let (mut tasks, mut retries) = (JoinSet::new(), Retries::default());
    while let Err(error) = start(source.clone(), &scope, &inputs, &mut links, &mut tasks).await {
        for kind in [Kind::Service, Kind::EndpointSlice] {
            let state = WatchState::Failing(error.line());
            if inputs.send(Input::Watch(kind, state)).await.is_err() {
                return;
            }
        }
        let wait = retries.next_wait(UNAVAILABLE, None, Instant::now(), rand::random());
        // Who asks for the credentials to be read again need not wait.
        _ = timeout(wait, links.reloads.changed()).await;
    }
    drop(inputs);
    while tasks.join_next().await.is_some() {}
}
