//! How do requests reach the API server? One connection pool, with time limits on its connections.

use super::tls::Tls;
use http::{Request, Response, Uri, uri::Scheme};
use http_body_util::BodyExt;
use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use kube::client::{Body, DynBody};
use rustls::{ClientConfig, RootCertStore};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower::{BoxError, Service};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest time that a write may wait for the server.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// HTTP client, by TLS if the URL says so.
#[derive(Clone)]
pub(super) struct Transport(Client<TimeoutConnector<HttpsConnector<HttpConnector>>, Body>);

impl Transport {
    /// Makes a client for `server`. A connection may be silent for `read_timeout`. Connects directly: proxy variables
    /// of the environment are meant for other traffic.
    pub(super) fn new(server: &Uri, mut tls: Tls, read_timeout: Duration) -> Result<Self, String> {
        let names: Arc<dyn ResolveServerName + Send + Sync> = match tls.server_name.take() {
            Some(name) => Arc::new(FixedServerNameResolver::new(name)),
            None => Arc::new(DefaultServerNameResolver::default()),
        };
        // Without TLS no authority is needed, which a container may not have.
        let config = match server.scheme() == Some(&Scheme::HTTPS) {
            true => tls.client_config()?,
            false => {
                ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
            }
        };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        let mut connector = TimeoutConnector::new(HttpsConnector::new(http, config, false, names));
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // A dead connection is noticed soon after the watch should have ended.
        connector.set_read_timeout(Some(read_timeout));
        connector.set_write_timeout(Some(WRITE_TIMEOUT));
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::poll_ready(&mut self.0, context).map_err(BoxError::from)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.0.request(request);
        Box::pin(async {
            let answer = answer.await?;
            Ok(answer.map(|body| Box::new(body.map_err(BoxError::from)) as Box<DynBody>))
        })
    }
}
