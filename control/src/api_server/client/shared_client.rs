//! How is the API server reached? One client, renewed when its credentials or certificates are refused.

use super::{
    access::{Access, Authentication},
    answer::AnswerLimits,
    config,
    config_error::ConfigError,
    credentials::{Authorization, PluginCredentials, TokenFile},
    request_metrics::RequestMetrics,
    transport::Transport,
    watch_history::WatchHistory,
    watch_rate_limiter::WatchRateLimiter,
};
use crate::{KubeSource, blocking::blocking};
use futures::FutureExt;
use kube::{
    Client, Config,
    client::{ClientBuilder, ConfigExt},
};
use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};
use weir_core::address::parse_ip;

/// Time that a watch may be silent after it should have ended.
const READ_TIMEOUT_MARGIN: Duration = Duration::from_secs(5);

/// Time for which a configuration that could not be used is not tried again: all watches ask at the same moment, and a
/// plugin is to be asked once.
const RENEWAL_PAUSE: Duration = Duration::from_millis(500);

/// Client that all watches share.
pub(in crate::api_server) struct SharedClient {
    source: Arc<KubeSource>,
    history: Arc<WatchHistory>,
    current: Mutex<ApiClient>,
    /// Number of reloads that an operator asked for and that gave a new client.
    reloads: watch::Sender<u64>,
}

/// Client and the configuration that it was built from.
#[derive(Clone)]
pub(in crate::api_server) struct ApiClient {
    pub(in crate::api_server) client: Client,
    /// URL of the API server.
    pub(in crate::api_server) server: Arc<str>,
    /// Time at which the configuration was read last.
    read: Instant,
    epoch: u64,
    /// Time of the last attempt to replace this client that has failed, and why.
    renewal_failed: Option<(Instant, String)>,
}

impl ApiClient {
    /// Whether this is the client that another one is a copy of.
    pub(in crate::api_server) fn is_same(&self, other: &Self) -> bool {
        self.epoch == other.epoch
    }
}

impl SharedClient {
    pub(in crate::api_server) async fn new(source: KubeSource) -> Result<Self, ConfigError> {
        let source = Arc::new(source);
        let history = Arc::default();
        let current = Mutex::new(connect(&source, &history, 0).await?);
        Ok(Self { source, history, current, reloads: watch::Sender::default() })
    }

    /// Time after which a watch is renewed.
    pub(in crate::api_server) fn watch_timeout(&self) -> Duration {
        self.source.watch_timeout
    }

    /// Requests and watches so far.
    pub(in crate::api_server) fn history(&self) -> &WatchHistory {
        &self.history
    }

    pub(in crate::api_server) async fn current(&self) -> ApiClient {
        self.current.lock().await.clone()
    }

    /// Reads the configuration again, for a client that was refused. The first watch that calls does it for
    /// all.
    /// An error is in words, and that of one watch is that of all which fail at the same time.
    pub(in crate::api_server) async fn renew(&self, refused: &ApiClient) -> Result<(), String> {
        let mut current = self.current.lock().await;
        if current.epoch != refused.epoch {
            return Ok(());
        }
        if let Some((_, words)) =
            current.renewal_failed.as_ref().filter(|(at, _)| at.elapsed() < RENEWAL_PAUSE)
        {
            return Err(words.clone());
        }
        match connect(&self.source, &self.history, refused.epoch + 1).await {
            Ok(renewed) => *current = renewed,
            Err(error) => {
                let words = error.line();
                current.renewal_failed = Some((Instant::now(), words.clone()));
                return Err(words);
            }
        }
        Ok(())
    }

    /// Reads the configuration again because an operator asks for it. Every watch begins anew with the new client;
    /// after an error the last client stays in use and no watch notices.
    pub(in crate::api_server) async fn reload(&self) -> Result<ApiClient, ConfigError> {
        let mut current = self.current.lock().await;
        *current = connect(&self.source, &self.history, current.epoch + 1).await?;
        self.reloads.send_modify(|reloads| *reloads += 1);
        Ok(current.clone())
    }

    /// Signals of successful [reloads](Self::reload).
    pub(in crate::api_server) fn reloads(&self) -> watch::Receiver<u64> {
        self.reloads.subscribe()
    }

    /// Whether the configuration names another API server than the unreachable one. It is read at most once in
    /// the time that an answer may take; a configuration that cannot be read may be half written, and changes
    /// nothing.
    pub(in crate::api_server) async fn has_moved(&self, unreachable: &ApiClient) -> bool {
        let mut current = self.current.lock().await;
        if current.epoch == unreachable.epoch && current.read.elapsed() >= self.source.answer_timeout {
            current.read = Instant::now();
            let named = url(&self.source).await;
            if named.is_ok_and(|named| named != *current.server)
                && let Ok(moved) = connect(&self.source, &self.history, unreachable.epoch + 1).await
            {
                *current = moved;
            }
        }
        current.epoch != unreachable.epoch
    }
}

/// URL of the API server as configured. Reads files only.
pub(crate) async fn url(source: &KubeSource) -> Result<String, ConfigError> {
    let source = source.clone();
    contained(blocking(move || config::load(&source).map(|access| server(&access)))).await
}

/// IP address in a URL; `None` for a name.
pub(crate) fn address(url: &str) -> Option<IpAddr> {
    let url: http::Uri = url.parse().ok()?;
    parse_ip(url.host()?.trim_start_matches('[').trim_end_matches(']'))
}

/// Builds a client from the current configuration. Whatever happens while doing so is an error.
async fn connect(
    source: &Arc<KubeSource>,
    history: &Arc<WatchHistory>,
    epoch: u64,
) -> Result<ApiClient, ConfigError> {
    contained(Box::pin(build(Arc::clone(source), Arc::clone(history), epoch))).await
}

/// Runs work that reads what others wrote. A panic in it, or in a library, becomes an error.
async fn contained<T: Send + 'static>(
    work: impl Future<Output = Result<T, ConfigError>> + Send + 'static,
) -> Result<T, ConfigError> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => done,
        Err(_) => Err(ConfigError::Panicked),
    }
}

async fn build(
    source: Arc<KubeSource>,
    history: Arc<WatchHistory>,
    epoch: u64,
) -> Result<ApiClient, ConfigError> {
    // Two providers in one program panic at the first connection; the first one that is installed counts.
    _ = rustls::crypto::ring::default_provider().install_default();
    let read_timeout = source.watch_timeout + READ_TIMEOUT_MARGIN;
    let limits = AnswerLimits { answer_timeout: source.answer_timeout, watch_limit: read_timeout, history };
    let Access { server: url, mut tls, authentication, impersonation } =
        blocking(move || config::load(&source)).await?;
    let authorization = match authentication {
        Authentication::None => Authorization::None,
        Authentication::Header(header) => Authorization::Header(header),
        Authentication::TokenFile { path, otherwise } => {
            Authorization::File(Arc::new(blocking(move || TokenFile::open(path, otherwise)).await?))
        }
        Authentication::Plugin(plugin) => {
            let PluginCredentials { header, identity, expires } = plugin.run().await?;
            if identity.is_some() {
                tls.identity = identity;
            }
            match header {
                Some(header) => Authorization::of_plugin(plugin, header, expires),
                None => Authorization::None,
            }
        }
    };
    let server = text(&url).into();
    let headers = impersonation.layer().map_err(|error| ConfigError::Credentials(error.to_string()))?;
    let requests = RequestMetrics::new(&url);
    let config = Config::new(url);
    blocking(move || {
        let transport =
            Transport::new(&config.cluster_url, tls, read_timeout).map_err(ConfigError::Credentials)?;
        let client = ClientBuilder::new(transport, &*config.default_namespace)
            .with_layer(&config.base_uri_layer())
            .with_layer(&headers)
            .with_layer(&authorization)
            .with_layer(&limits)
            .with_layer(&requests)
            .with_layer(&WatchRateLimiter::default());
        Ok((client, server))
    })
    .await
    // The client starts a task of the runtime.
    .map(|(client, server)| ApiClient {
        client: client.build(),
        server,
        read: Instant::now(),
        epoch,
        renewal_failed: None,
    })
}

fn server(access: &Access) -> String {
    text(&access.server)
}

fn text(url: &http::Uri) -> String {
    url.to_string().trim_end_matches('/').to_owned()
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
