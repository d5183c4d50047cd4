//! Which `Authorization` header does each request carry? A token is read, or asked for, again in time.

use super::{Plugin, token_file::TokenFile};
use crate::api_server::client::config_error::PluginError;
use http::{HeaderValue, Request, header::AUTHORIZATION};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::Mutex;
use tower::{BoxError, Layer, Service};

/// Time before the end of a plugin's token at which the plugin is asked for the next one.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// Layer that puts the `Authorization` header into each request.
#[derive(Clone)]
pub(in crate::api_server::client) enum Authorization {
    /// No header.
    None,
    /// The same header in all requests.
    Header(HeaderValue),
    /// Token of a file.
    File(Arc<TokenFile>),
    /// Token of a plugin.
    Plugin(Arc<PluginToken>),
}

/// Token of a plugin that ends.
pub(in crate::api_server::client) struct PluginToken {
    plugin: Plugin,
    current: Mutex<(HeaderValue, Timestamp)>,
}

impl Authorization {
    /// Token of a plugin; without an end it is used until it is refused.
    pub(in crate::api_server::client) fn of_plugin(
        plugin: Plugin,
        header: HeaderValue,
        expires: Option<Timestamp>,
    ) -> Self {
        match expires {
            None => Self::Header(header),
            Some(expires) => {
                Self::Plugin(Arc::new(PluginToken { plugin, current: Mutex::new((header, expires)) }))
            }
        }
    }

    async fn header(&self) -> Result<Option<HeaderValue>, PluginError> {
        match self {
            Self::None => Ok(None),
            Self::Header(header) => Ok(Some(header.clone())),
            Self::File(file) => Ok(Some(file.header())),
            Self::Plugin(token) => token.header(Timestamp::now()).await.map(Some),
        }
    }
}

impl PluginToken {
    /// Header with a token that is good at `now`. While the plugin fails, the last token is used to its end.
    async fn header(&self, now: Timestamp) -> Result<HeaderValue, PluginError> {
        let mut current = self.current.lock().await;
        let (_, expires) = *current;
        if now < expires.saturating_sub(MARGIN).unwrap_or(expires) {
            return Ok(current.0.clone());
        }
        match self.plugin.run().await {
            Ok(new) => {
                if let Some(header) = new.header {
                    *current = (header, new.expires.unwrap_or(Timestamp::MAX));
                }
                Ok(current.0.clone())
            }
            Err(_) if now < expires => Ok(current.0.clone()),
            Err(error) => Err(error),
        }
    }
}

impl<S> Layer<S> for Authorization {
    type Service = Authorized<S>;

    fn layer(&self, inner: S) -> Authorized<S> {
        Authorized { inner, authorization: self.clone() }
    }
}

/// Client whose requests carry an [`Authorization`].
#[derive(Clone)]
pub(in crate::api_server::client) struct Authorized<S> {
    inner: S,
    authorization: Authorization,
}

impl<S, B> Service<Request<B>> for Authorized<S>
where
    S: Service<Request<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone has not been polled for readiness; the one that was takes the request.
        let next = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, next);
        let authorization = self.authorization.clone();
        Box::pin(async move {
            if let Some(header) = authorization.header().await? {
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            ready.call(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_server::client::credentials::{PluginCluster, bearer};
    use kube::config::{Cluster, ExecConfig};

    /// Token of a plugin whose script is `script`.
    fn token(script: &str, expires: Timestamp) -> PluginToken {
        let exec = ExecConfig {
            command: Some("sh".into()),
            args: Some(vec!["-c".into(), script.into()]),
            api_version: Some("client.authentication.k8s.io/v1".into()),
            ..ExecConfig::default()
        };
        let cluster = PluginCluster::new(&Cluster::default(), &http::Uri::from_static("https://api/"), None);
        let plugin = Plugin::new(&exec, cluster).unwrap();
        PluginToken { plugin, current: Mutex::new((bearer("old").unwrap(), expires)) }
    }

    #[tokio::test]
    async fn a_plugin_is_asked_again_shortly_before_its_token_ends() {
        let expires: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let script = r#"echo '{"status":{"token":"new","expirationTimestamp":"2026-11-29T13:00:00Z"}}'"#;
        let token = token(script, expires);
        let early = expires - MARGIN - SignedDuration::from_secs(1);
        assert_eq!(token.header(early).await.unwrap(), "Bearer old");
        assert_eq!(token.header(expires - MARGIN).await.unwrap(), "Bearer new");
        assert_eq!(token.header(expires + MARGIN).await.unwrap(), "Bearer new");
        assert!(token.header(Timestamp::MIN).await.is_ok() && token.header(Timestamp::MAX).await.is_ok());
    }

    #[tokio::test]
    async fn a_plugin_that_fails_leaves_its_last_token_in_use_until_that_ends() {
        let expires: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let token = token("exit 1", expires);
        assert_eq!(token.header(expires - SignedDuration::from_secs(1)).await.unwrap(), "Bearer old");
        let error = token.header(expires).await.unwrap_err().to_string();
        assert!(error.contains("failed (exit status: 1)"), "{error}");
    }
}
