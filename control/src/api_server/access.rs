//! How is the API server reached? One client, renewed when its credentials or certificates no longer do.

use super::{
    KubeSource,
    answer::Bounds,
    brake::Brake,
    config::{self, ConfigError},
    history::History,
};
use kube::{Client, Config, client::ClientBuilder};
use std::{net::IpAddr, sync::Arc};
use tokio::{runtime::Handle, sync::Mutex, task::spawn_blocking};
use weir_core::address::parse_ip;

/// The client that all watches share.
pub(super) struct Access {
    source: Arc<KubeSource>,
    server: String,
    history: Arc<History>,
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
        let history = Arc::default();
        let (client, server) = connect(&source, &history).await?;
        Ok(Self { source, server, history, current: Mutex::new(Lent { client, epoch: 0 }) })
    }

    /// The API server's URL.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// How often a watch is renewed.
    pub(super) fn watch_timeout(&self) -> std::time::Duration {
        self.source.watch_timeout
    }

    /// What was asked so far.
    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) async fn lend(&self) -> Lent {
        self.current.lock().await.clone()
    }

    /// Reads the configuration again, for a client that was refused. The first watch that asks does it for all.
    pub(super) async fn renew(&self, refused: &Lent) -> Result<(), ConfigError> {
        let mut current = self.current.lock().await;
        if current.epoch == refused.epoch {
            let (client, _) = connect(&self.source, &self.history).await?;
            *current = Lent { client, epoch: refused.epoch + 1 };
        }
        Ok(())
    }
}

/// The API server's URL as it is configured. Only reads files.
pub(crate) async fn url(source: &KubeSource) -> Result<String, ConfigError> {
    let (source, runtime) = (source.clone(), Handle::current());
    blocking(move || runtime.block_on(config::load(&source)).map(|config| server(&config))).await
}

/// The address in a URL; `None` for a name.
pub(crate) fn address(url: &str) -> Option<IpAddr> {
    let url: http::Uri = url.parse().ok()?;
    parse_ip(url.host()?.trim_start_matches('[').trim_end_matches(']'))
}

/// Reads files and may run an exec plugin, so it stays off the runtime's threads.
async fn connect(source: &Arc<KubeSource>, history: &Arc<History>) -> Result<(Client, String), ConfigError> {
    // Two providers in one program panic at the first connection; whoever comes first chooses.
    _ = rustls::crypto::ring::default_provider().install_default();
    let bounds = Bounds {
        patience: source.answer_timeout,
        watch: source.watch_timeout + config::MARGIN,
        history: Arc::clone(history),
    };
    let (source, runtime) = (Arc::clone(source), Handle::current());
    let work = move || {
        let config = runtime.block_on(config::load(&source))?;
        let server = server(&config);
        let client = ClientBuilder::try_from(config).map_err(|error| ConfigError::Client(Box::new(error)))?;
        let client = client.with_layer(&bounds).with_layer(&Brake::default()).build();
        Ok((client, server))
    };
    blocking(work).await
}

fn server(config: &Config) -> String {
    config.cluster_url.to_string().trim_end_matches('/').to_owned()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_in_a_url_is_found_and_a_name_is_none() {
        let found = |url| address(url).map(|ip| ip.to_string());
        assert_eq!(found("https://192.0.2.1:6443").as_deref(), Some("192.0.2.1"));
        assert_eq!(found("https://[2001:db8::1]:6443/path").as_deref(), Some("2001:db8::1"));
        assert_eq!(found("https://kubernetes.default.svc"), None);
    }
}
