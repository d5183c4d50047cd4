//! Which API server is read, and within which time limits?

use std::{path::PathBuf, time::Duration};

/// API server and how to reach it.
#[derive(Clone, Debug)]
pub struct KubeSource {
    /// Path of the kubeconfig; without one `$KUBECONFIG`, else the Pod's service account, else
    /// `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// Name of the context in the kubeconfig; without one the current context.
    pub context: Option<String>,
    /// URL of the API server in place of the configured one: for hosts where the `kubernetes` Service is not
    /// reachable yet.
    pub api_server: Option<String>,
    /// Time after which a watch is renewed; a silent stream is noticed 5 s later.
    pub watch_timeout: Duration,
    /// Folder where the last known state is saved, to be served when the API server is away at the start;
    /// `None` to save nothing.
    pub state_dir: Option<PathBuf>,
    /// Longest time until an answer begins, and until a page of a list is complete; large pages may take
    /// longer, at 16 KiB a second.
    pub answer_timeout: Duration,
    /// Whether Kubernetes Events about Services are written.
    pub write_events: bool,
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
            write_events: false,
        }
    }
}
