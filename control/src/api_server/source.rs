//! Which API server is read, and how patiently?

use std::{path::PathBuf, time::Duration};

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
