//! How is the API server reached? One client, renewed when its credentials or certificates are refused.

use super::{
    answer::AnswerLimits,
    config::{self, ConfigError},
    token::Token,
    watch_history::WatchHistory,
    watch_rate_limiter::WatchRateLimiter,
};
use crate::{KubeSource, blocking::blocking};
use kube::{Client, Config, client::ClientBuilder};
use std::{net::IpAddr, sync::Arc};
use tokio::{
    runtime::Handle,
    sync::{Mutex, watch},
    time::Instant,
};
use weir_core::address::parse_ip;

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
}

impl SharedClient {
    pub(in crate::api_server) async fn new(source: KubeSource) -> Result<Self, ConfigError> {
        let source = Arc::new(source);
        let history = Arc::default();
        let current = Mutex::new(connect(&source, &history, 0).await?);
        Ok(Self { source, history, current, reloads: watch::Sender::default() })
    }

    /// Time after which a watch is renewed.
    pub(in crate::api_server) fn watch_timeout(&self) -> std::time::Duration {
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
    pub(in crate::api_server) async fn renew(&self, refused: &ApiClient) -> Result<(), ConfigError> {
        let mut current = self.current.lock().await;
        if current.epoch == refused.epoch {
            *current = connect(&self.source, &self.history, refused.epoch + 1).await?;
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
    let (source, runtime) = (source.clone(), Handle::current());
    blocking(move || runtime.block_on(config::load(&source)).map(|config| server(&config))).await
}

/// IP address in a URL; `None` for a name.
pub(crate) fn address(url: &str) -> Option<IpAddr> {
    let url: http::Uri = url.parse().ok()?;
    parse_ip(url.host()?.trim_start_matches('[').trim_end_matches(']'))
}

/// Builds a client from the current configuration.
async fn connect(
    source: &Arc<KubeSource>,
    history: &Arc<WatchHistory>,
    epoch: u64,
) -> Result<ApiClient, ConfigError> {
    // Two providers in one program panic at the first connection; the first one that is installed counts.
    _ = rustls::crypto::ring::default_provider().install_default();
    let limits = AnswerLimits {
        answer_timeout: source.answer_timeout,
        watch_limit: source.watch_timeout + config::READ_TIMEOUT_MARGIN,
        history: Arc::clone(history),
    };
    let (source, runtime) = (Arc::clone(source), Handle::current());
    blocking(move || {
        let mut config = runtime.block_on(config::load(&source))?;
        let server = server(&config).into();
        // A token in the configuration itself takes precedence over one in a file.
        let file = config.auth_info.token_file.take().filter(|_| config.auth_info.token.is_none());
        let token = Token::from_file(file.map(Into::into))?;
        let client = ClientBuilder::try_from(config).map_err(|error| ConfigError::Client(Box::new(error)))?;
        let client =
            client.with_layer(&token).with_layer(&limits).with_layer(&WatchRateLimiter::default()).build();
        Ok(ApiClient { client, server, read: Instant::now(), epoch })
    })
    .await
}

fn server(config: &Config) -> String {
    config.cluster_url.to_string().trim_end_matches('/').to_owned()
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
