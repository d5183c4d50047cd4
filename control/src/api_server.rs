//! Which objects does an API server hold, now and after each change?

mod backoff;
mod client;
mod explain;
mod target;
mod trimmed;
mod watch;

pub use client::ConfigError;

use crate::{
    Kind, Scope, WatchState,
    driver::{Input, Inputs},
};
use backoff::{Backoff, Patience};
use client::Access;
pub(crate) use client::{address, url};
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
    networking::v1::ServiceCIDR,
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use target::Target;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tracing::info;
use watch::Watch;

/// An API server and how to reach it.
#[derive(Clone, Debug)]
pub struct KubeSource {
    /// The kubeconfig; without it `$KUBECONFIG`, else the Pod's service account, else `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// The context in the kubeconfig; without it the current one.
    pub context: Option<String>,
    /// The API server's URL in place of the configured one: for hosts where the `kubernetes` Service is not
    /// reachable yet.
    pub api_server: Option<String>,
    /// After how long a watch is renewed; a silent stream is noticed a few seconds later.
    pub watch_timeout: Duration,
    /// The folder where the last known state is kept, to be served when the API server is away at the start; `None` for
    /// nowhere.
    pub state_dir: Option<PathBuf>,
    /// How long an answer may take to begin, and a page of a list to come; large pages longer, at 16 KiB a second.
    pub answer_timeout: Duration,
}

impl Default for KubeSource {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            api_server: None,
            watch_timeout: Duration::from_secs(45),
            state_dir: None,
            // As long as kube-apiserver itself gives a request.
            answer_timeout: Duration::from_secs(60),
        }
    }
}

/// Starts one watch for each kind, with its own back-off: none waits for another.
pub(crate) async fn start(
    source: KubeSource,
    scope: &Scope,
    inputs: &Inputs,
    tasks: &mut JoinSet<()>,
) -> Result<(), ConfigError> {
    let access = Arc::new(Access::new(source).await?);
    info!("watching the API server at {}", access.lend().await.server);
    let selection = &scope.selection;
    tasks.spawn(Watch::<Service>::new(&access, Target::services(selection), scope, inputs).run());
    tasks.spawn(Watch::<EndpointSlice>::new(&access, Target::endpoint_slices(), scope, inputs).run());
    tasks.spawn(Watch::<ServiceCIDR>::new(&access, Target::service_cidrs(), scope, inputs).run());
    if !scope.node_name.is_empty() {
        tasks.spawn(Watch::<Node>::new(&access, Target::node(&scope.node_name), scope, inputs).run());
    }
    Ok(())
}

/// Does the same for as long as it is waited for, and again while there is no usable way to reach an API server: plugins
/// and files that give credentials may be as far away as it is.
pub(crate) async fn start_patiently(source: KubeSource, scope: Scope, inputs: Inputs) {
    let (mut tasks, mut backoff) = (JoinSet::new(), Backoff::default());
    while let Err(error) = start(source.clone(), &scope, &inputs, &mut tasks).await {
        for kind in [Kind::Service, Kind::EndpointSlice] {
            let state = WatchState::Failing(error.to_string());
            if inputs.send(Input::Watch(kind, state)).await.is_err() {
                return;
            }
        }
        sleep(backoff.next(Patience::Away, None, Instant::now(), rand::random())).await;
    }
    drop(inputs);
    while tasks.join_next().await.is_some() {}
}

/// Whether a request is for a watch.
fn is_watch(uri: &http::Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"))
}
