//! How is the API server reached? One client, renewed when its credentials or certificates no longer do.

use super::{
    KubeSource,
    brake::Brake,
    config::{self, ConfigError},
};
use kube::{Client, client::ClientBuilder};
use std::sync::Arc;
use tokio::{runtime::Handle, sync::Mutex, task::spawn_blocking};

/// The client that all watches share.
pub(super) struct Access {
    source: Arc<KubeSource>,
    server: String,
    current: Mutex<Lent>,
}

/// A client, and which one it is.
#[derive(Clone)]
pub(super) struct Lent {
    pub(super) client: Client,
    epoch: u64,
}

impl Access {
    pub(super) async fn new(source: KubeSource) -> Result<Self, ConfigError> {
        let source = Arc::new(source);
        let (client, server) = connect(&source).await?;
        Ok(Self { source, server, current: Mutex::new(Lent { client, epoch: 0 }) })
    }

    /// The API server's URL.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// How often a watch is renewed.
    pub(super) fn watch_timeout(&self) -> std::time::Duration {
        self.source.watch_timeout
    }

    pub(super) async fn lend(&self) -> Lent {
        self.current.lock().await.clone()
    }

    /// Reads the configuration again, for a client that was refused. The first watch that asks does it for all.
    pub(super) async fn renew(&self, refused: &Lent) -> Result<(), ConfigError> {
        let mut current = self.current.lock().await;
        if current.epoch == refused.epoch {
            let (client, _) = connect(&self.source).await?;
            *current = Lent { client, epoch: refused.epoch + 1 };
        }
        Ok(())
    }
}

/// Reads files and may run an exec plugin, so it stays off the runtime's threads.
async fn connect(source: &Arc<KubeSource>) -> Result<(Client, String), ConfigError> {
    // Two providers in one program panic at the first connection; whoever comes first chooses.
    _ = rustls::crypto::ring::default_provider().install_default();
    let (source, runtime) = (Arc::clone(source), Handle::current());
    let work = move || {
        let config = runtime.block_on(config::load(&source))?;
        let server = config.cluster_url.to_string();
        let client = ClientBuilder::try_from(config).map_err(|error| ConfigError::Client(Box::new(error)))?;
        let client = client.with_layer(&Brake::default()).build();
        Ok((client, server.trim_end_matches('/').to_owned()))
    };
    match spawn_blocking(work).await {
        Ok(connected) => connected,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}
