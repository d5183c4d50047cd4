//! What can an operator ask a running weir over HTTP? The admin server: `/metrics` and `/proxyMode`.

use super::{
    compress::{Gzip, accepts_gzip},
    reply::{Reply, TEXT, not_found, reply},
    server::Server,
};
use crate::metrics::Sources;
use hyper::{
    Method, StatusCode,
    header::{ALLOW, CONTENT_ENCODING, HeaderValue, VARY},
};
use std::net::SocketAddr;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const SERVER: Server = Server { name: "admin", alternative: "--admin-address 127.0.0.1:10267" };

const INDEX: &str = "\
weir: a userspace L4 load balancer for Kubernetes Services

/metrics   metrics in Prometheus' text format
/healthz   ok while this process answers (probes: see --health-address)
/proxyMode nftables, as kube-proxy answers there (node mode only)
";

/// What kube-proxy answers that captures traffic as weir does in node mode, without an end of line.
const NODE_MODE: &str = "nftables";

/// What the admin server tells.
#[derive(Clone)]
pub(crate) struct Admin {
    /// Sources of the metrics page.
    pub(crate) metrics: Sources,
    /// Whether weir is the proxy of a node. Only then there is a proxy mode.
    pub(crate) in_node_mode: bool,
}

/// Answers operators on `address` until `stop`. `accompanied` says whether another weir may have the address.
pub(crate) async fn serve(
    address: SocketAddr,
    accompanied: watch::Receiver<bool>,
    admin: Admin,
    stop: CancellationToken,
) {
    let handler = move |request: hyper::Request<_>| answer(request, admin.clone());
    SERVER.serve(address, accompanied, handler, stop).await;
}

async fn answer<B>(request: hyper::Request<B>, Admin { metrics, in_node_mode }: Admin) -> Reply {
    let (request, _) = request.into_parts();
    match request.uri.path() {
        "/proxyMode" if !in_node_mode => not_found(),
        "/" | "/metrics" | "/healthz" | "/proxyMode"
            if !matches!(request.method, Method::GET | Method::HEAD) =>
        {
            let mut refused = reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "405 method not allowed\n");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            refused
        }
        "/" => reply(StatusCode::OK, TEXT, INDEX),
        "/healthz" => reply(StatusCode::OK, TEXT, "ok"),
        "/proxyMode" => reply(StatusCode::OK, TEXT, NODE_MODE),
        "/metrics" => render(metrics, accepts_gzip(&request.headers)).await,
        _ => not_found(),
    }
}

/// Renders, and compresses for a client that takes it, on a thread of the blocking pool: with many Services this takes long.
async fn render(sources: Sources, takes_gzip: bool) -> Reply {
    const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
    let rendering = tokio::task::spawn_blocking(move || {
        if takes_gzip {
            let mut gzip = Gzip::new();
            sources.render(&mut |chunk| gzip.write(chunk));
            return gzip.finish();
        }
        let mut text = String::new();
        sources.render(&mut |chunk| text.push_str(chunk));
        Ok(text.into_bytes())
    });
    let mut reply = match rendering.await {
        Ok(Ok(body)) => reply(StatusCode::OK, PROMETHEUS, body),
        Ok(Err(error)) => return failed(&error),
        Err(error) => return failed(&error),
    };
    if takes_gzip {
        reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    reply.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    reply
}

fn failed(error: &dyn std::error::Error) -> Reply {
    reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("cannot render metrics: {error}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{self, SeriesLimits};
    use http_body_util::BodyExt;
    use hyper::header::ACCEPT_ENCODING;
    use std::{
        io::Read,
        sync::{Arc, OnceLock},
    };
    use weir_core::Snapshot;

    async fn ask(method: Method, path: &str) -> (StatusCode, String) {
        ask_in(true, method, path).await
    }

    async fn ask_in(in_node_mode: bool, method: Method, path: &str) -> (StatusCode, String) {
        let request = hyper::Request::builder().method(method).uri(path).body(()).unwrap();
        let reply = answered(in_node_mode, request).await;
        let status = reply.status();
        assert_eq!(reply.headers()["x-content-type-options"], "nosniff");
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn answered(in_node_mode: bool, request: hyper::Request<()>) -> Reply {
        let recorder = metrics::recorder().unwrap();
        ::metrics::with_local_recorder(&recorder, || ::metrics::counter!("weir_test_total").increment(3));
        let (_, served) = watch::channel(Snapshot::default());
        let (readings, limits) =
            (Arc::new(OnceLock::new()), SeriesLimits { pattern: None, max_services: 1, endpoints: false });
        let metrics = Sources { recorded: recorder.handle(), served, readings, limits };
        answer(request, Admin { metrics, in_node_mode }).await
    }

    #[tokio::test]
    async fn metrics_are_compressed_for_clients_that_take_it() {
        let request = hyper::Request::builder().uri("/metrics").header(ACCEPT_ENCODING, "gzip");
        let reply = answered(true, request.body(()).unwrap()).await;
        let headers = reply.headers();
        assert_eq!(
            (&headers[CONTENT_ENCODING], &headers[VARY]),
            (&"gzip".parse().unwrap(), &"Accept-Encoding".parse().unwrap())
        );
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
        assert!(text.contains("\nweir_test_total 3\n"), "{text}");
    }

    #[tokio::test]
    async fn metrics_and_an_index_are_served() {
        let (status, metrics) = ask(Method::GET, "/metrics").await;
        assert_eq!(status, 200);
        assert!(metrics.contains("\nweir_test_total 3\n"), "{metrics}");
        assert!(ask(Method::GET, "/").await.1.contains("/metrics"));
        assert_eq!(ask(Method::GET, "/healthz").await, (StatusCode::OK, "ok".to_owned()));
        assert_eq!(ask(Method::GET, "/other").await.0, 404);
        assert_eq!(ask(Method::POST, "/metrics").await.0, 405);
    }

    #[tokio::test]
    async fn the_proxy_mode_is_told_as_kube_proxy_tells_it_and_only_in_node_mode() {
        assert_eq!(ask(Method::GET, "/proxyMode").await, (StatusCode::OK, "nftables".to_owned()));
        assert_eq!(ask_in(false, Method::GET, "/proxyMode").await.0, 404);
        assert!(ask(Method::GET, "/").await.1.contains("/proxyMode"));
    }
}
