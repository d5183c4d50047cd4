//! Which objects does an API server hold, now and after each change?

mod access;
mod answer;
mod backoff;
mod brake;
mod config;
mod explain;
mod history;
mod target;
mod token;
mod watch;

pub use config::ConfigError;

use crate::{Scope, driver::Inputs};
use access::Access;
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
    networking::v1::ServiceCIDR,
};
use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};
use target::Target;
use tokio::task::JoinSet;
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
            // As long as kube-apiserver itself gives a request.
            answer_timeout: Duration::from_secs(60),
        }
    }
}

/// Starts one watch for each kind, with its own back-off: none waits for another. Returns the API server's address, if it
/// was configured as one and not as a name.
pub(crate) async fn start(
    source: KubeSource,
    scope: &Scope,
    inputs: Inputs,
    tasks: &mut JoinSet<()>,
) -> Result<Option<IpAddr>, ConfigError> {
    let access = Arc::new(Access::new(source).await?);
    let lent = access.lend().await;
    info!("watching the API server at {}", lent.server);
    let selection = &scope.selection;
    tasks.spawn(Watch::<Service>::new(&access, Target::services(selection), scope, &inputs).run());
    tasks.spawn(Watch::<EndpointSlice>::new(&access, Target::endpoint_slices(), scope, &inputs).run());
    tasks.spawn(Watch::<ServiceCIDR>::new(&access, Target::service_cidrs(), scope, &inputs).run());
    if !scope.node_name.is_empty() {
        tasks.spawn(Watch::<Node>::new(&access, Target::node(&scope.node_name), scope, &inputs).run());
    }
    Ok(lent.address())
}

/// Whether a request is for a watch.
fn is_watch(uri: &http::Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"))
}
