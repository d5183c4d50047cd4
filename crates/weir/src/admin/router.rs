//! Which route answers a request?

use crate::admin::{
    basics::{
        api_error::ApiError,
        caller::Caller,
        query::{Query, decoded},
    },
    guard,
    known::{knowledge::Knowledge, metrics_page},
    routes::{
        asked::{Asked, json},
        config,
        connections::{flows, live as connections},
        events, explain, leases, log_level, page,
        services::{endpoints, ports as services, service},
        stream, summary,
    },
    steering::{kill, overrides},
};
use crate::http::{Lifetime, Reply, TEXT, compress::gzip, not_found, reply};
use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, StatusCode, body::Bytes, header::ACCEPT};
use serde::Serialize;

/// All routes of the API, as they are listed.
pub(in crate::admin) const ROUTES: [&str; 14] = [
    "/api/v1/summary",
    "/api/v1/services",
    "/api/v1/services/NAMESPACE/NAME",
    "/api/v1/endpoints",
    "/api/v1/connections",
    "/api/v1/connections/kill",
    "/api/v1/flows",
    "/api/v1/explain",
    "/api/v1/events",
    "/api/v1/config",
    "/api/v1/log-level",
    "/api/v1/leases",
    "/api/v1/overrides",
    "/api/v1/stream",
];

/// Bytes of a request's body at most.
const MAX_BODY_BYTES: usize = 8 << 10;

/// What kube-proxy answers that captures traffic as weir does in node mode, without an end of line.
const NODE_MODE: &str = "nftables";

#[derive(Serialize)]
struct Routes {
    kind: &'static str,
    version: &'static str,
    routes: &'static [&'static str],
}

/// Answers a request.
pub(in crate::admin) async fn answer<B>(request: Request<B>, caller: Caller, knowledge: Knowledge) -> Reply
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let answered = match guard::check(&caller, &head.uri, &head.headers) {
        Ok(()) => route(&head, body, &caller, &knowledge).await,
        Err(error) => Err(error),
    };
    gzip(&head.headers, answered.unwrap_or_else(ApiError::reply))
}

async fn route<B>(
    head: &hyper::http::request::Parts,
    body: B,
    caller: &Caller,
    knowledge: &Knowledge,
) -> Result<Reply, ApiError>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let path = head.uri.path();
    let Some(api) = path.strip_prefix("/api") else { return plain(head, knowledge).await };
    let Some(parts) = api.strip_prefix("/v1").map(split) else { return Err(no_route(path)) };
    let parts = parts.ok_or_else(|| no_route(path))?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut query = Query::read(head.uri.query())?;
    let wants_events = head
        .headers
        .get_all(ACCEPT)
        .into_iter()
        .any(|accepted| accepted.to_str().is_ok_and(|accepted| accepted.contains("text/event-stream")));
    let as_stream = query.take_flag("watch")? || wants_events;
    let lifetime = head.extensions.get::<Lifetime>().cloned();
    let asked = Asked { knowledge, caller, query, as_stream, lifetime };
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return change(&head.method, &parts, &asked, body).await;
    }
    match parts[..] {
        [] => json(&Routes { kind: "Routes", version: env!("CARGO_PKG_VERSION"), routes: &ROUTES }),
        ["summary"] => summary::get(&asked).await,
        ["services"] => services::get(&asked),
        ["services", namespace, name] => service::get(&asked, namespace, name).await,
        ["endpoints"] => endpoints::get(&asked).await,
        ["connections"] => connections::get(asked).await,
        ["flows"] => flows::get(&asked).await,
        ["explain"] => explain::get(&asked),
        ["events"] => events::get(asked),
        ["config"] => config::get(&asked),
        ["log-level"] => log_level::get(&asked),
        ["leases"] => leases::get(&asked),
        ["overrides"] => overrides::get(&asked),
        ["overrides", ..] | ["connections", "kill"] => Err(ApiError::method(allowed(&parts))),
        ["stream"] => stream::get(asked),
        _ => Err(no_route(path)),
    }
}

/// Changes something, which only the Unix socket may.
async fn change<B>(method: &Method, parts: &[&str], asked: &Asked<'_>, body: B) -> Result<Reply, ApiError>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let allowed = allowed(parts);
    if !allowed.split(", ").any(|known| known == method.as_str()) {
        return Err(ApiError::method(allowed));
    }
    require_socket(asked.caller)?;
    match parts {
        ["log-level"] => log_level::put(asked, &read(body).await?),
        ["overrides"] => overrides::post(asked, &read(body).await?).await,
        ["overrides", "endpoint", target @ ..] => overrides::delete(asked, &target.join("/")).await,
        ["overrides", target @ ..] => overrides::delete(asked, &target.join("/")).await,
        _ => kill::post(asked, &read(body).await?).await,
    }
}

/// Methods that a route has.
fn allowed(parts: &[&str]) -> &'static str {
    match parts {
        ["log-level"] => "GET, HEAD, PUT",
        ["overrides"] => "GET, HEAD, POST",
        ["overrides", ..] => "DELETE",
        ["connections", "kill"] => "POST",
        _ => "GET, HEAD",
    }
}

/// Answers what is no part of the API.
async fn plain(head: &hyper::http::request::Parts, knowledge: &Knowledge) -> Result<Reply, ApiError> {
    let path = head.uri.path();
    let in_node_mode = knowledge.node.in_node_mode;
    match path {
        "/proxyMode" if !in_node_mode => Ok(not_found()),
        "/metrics" | "/healthz" | "/proxyMode" if !matches!(head.method, Method::GET | Method::HEAD) => {
            Err(ApiError::method("GET, HEAD"))
        }
        "/healthz" => Ok(reply(StatusCode::OK, TEXT, "ok")),
        "/proxyMode" => Ok(reply(StatusCode::OK, TEXT, NODE_MODE)),
        "/metrics" => Ok(metrics_page::render(knowledge.metrics.clone(), &head.headers).await),
        _ => match page::part(path) {
            Some(_) if !matches!(head.method, Method::GET | Method::HEAD) => {
                Err(ApiError::method("GET, HEAD"))
            }
            part => part.ok_or_else(|| no_route(path)),
        },
    }
}

fn require_socket(caller: &Caller) -> Result<(), ApiError> {
    if caller.may_change() { Ok(()) } else { Err(ApiError::only_by_socket()) }
}

fn no_route(path: &str) -> ApiError {
    ApiError::no_route(path, &ROUTES)
}

/// Parts of a path, without percent encoding; `None` if that is wrong.
fn split(path: &str) -> Option<Vec<String>> {
    path.split('/').filter(|part| !part.is_empty()).map(decoded).collect()
}

/// Reads a body, which may have [`MAX_BODY_BYTES`].
async fn read<B>(body: B) -> Result<Bytes, ApiError>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limited = Limited::new(body, MAX_BODY_BYTES);
    let collected = Box::pin(limited).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|error| {
        match error.is::<http_body_util::LengthLimitError>() {
            true => ApiError::too_large(MAX_BODY_BYTES),
            false => ApiError::invalid_body(format!("the body does not come: {error}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admin::NodeFacts,
        cli::EffectiveSettings,
        health::Health,
        http::Probes,
        metrics::{self, SeriesLimits, Sources},
        output::logging::LogFilter,
    };
    use http_body_util::Empty;
    use std::sync::Arc;
    use tokio::sync::watch;
    use weir_core::{NodePortAddresses, Snapshot};

    async fn ask(method: Method, path: &str) -> (StatusCode, String) {
        ask_in(true, method, path).await
    }

    async fn ask_in(in_node_mode: bool, method: Method, path: &str) -> (StatusCode, String) {
        let recorder = metrics::recorder().unwrap();
        ::metrics::with_local_recorder(&recorder, || ::metrics::counter!("weir_test_total").increment(3));
        let (_, served) = watch::channel(Snapshot::default());
        let limits = SeriesLimits { pattern: None, max_services: 1, endpoints: false };
        let metrics = Sources { recorded: recorder.handle(), served, readings: Arc::default(), limits };
        let node = NodeFacts {
            in_node_mode,
            map_loopback: false,
            node_port_addresses: NodePortAddresses::default(),
            cluster: None,
            is_exclusive: true,
            has_api_server: false,
        };
        let log = (LogFilter::detached(), "info".to_owned());
        let probes = Probes::new(Health::new(false));
        let knowledge = Knowledge::new(metrics, &probes, node, EffectiveSettings::default(), log);
        let request = Request::builder().method(method).uri(path).body(Empty::<Bytes>::new()).unwrap();
        let caller = Caller::Process { uid: 0, pid: None };
        let reply = answer(request, caller, knowledge).await;
        let status = reply.status();
        assert_eq!(reply.headers()["x-content-type-options"], "nosniff");
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
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
    }

    #[tokio::test]
    async fn before_the_data_plane_runs_that_is_said() {
        for path in ["summary", "services", "endpoints", "connections", "flows", "events"] {
            let (status, said) = ask(Method::GET, &format!("/api/v1/{path}")).await;
            assert_eq!(status, 503, "{path}: {said}");
        }
        let (status, routes) = ask(Method::GET, "/api/v1").await;
        assert!(status == 200 && ROUTES.iter().all(|route| routes.contains(route)), "{routes}");
        assert_eq!(ask(Method::GET, "/api/v2").await.0, 404);
    }
}
