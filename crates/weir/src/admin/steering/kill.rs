//! How does an operator end connections?

use crate::admin::{
    basics::{api_error::ApiError, clock::Clock},
    routes::asked::{Asked, json},
};
use crate::http::Reply;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, time::Duration};
use weir_core::Steered;
use weir_proxy::{ConnectionFilter, ConnectionId, EventKind, Occurrence};

const EXPECTED: &str =
    r#"expected {"id": "0-4711"} or {"namespace": "default", "service": "web", "client": "10.0.0.0/8"}"#;

/// Which connections are to end: those that match all that is given.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    id: Option<String>,
    namespace: Option<String>,
    service: Option<String>,
    port: Option<String>,
    client: Option<String>,
    endpoint: Option<String>,
    older_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Killed {
    kind: &'static str,
    killed: usize,
    connections: usize,
    flows: usize,
}

/// Ends connections and flows.
pub(crate) async fn post(asked: &Asked<'_>, body: &[u8]) -> Result<Reply, ApiError> {
    asked.query.only(&[])?;
    let wanted: Wanted = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid_body(format!("{EXPECTED}: {error}")))?;
    let filter = filter(&wanted, &Clock::now())?;
    let killer = asked.knowledge.killer().ok_or_else(ApiError::not_running)?;
    let connections = killer.connections(filter.clone()).await;
    // Flows have numbers of their own.
    let flows = if filter.id.is_some() { 0 } else { killer.flows(filter.clone()).await };
    if let Some(id) = filter.id.filter(|_| connections == 0) {
        return Err(ApiError::not_found("connection", &id.to_string(), &[]));
    }
    let killed = connections + flows;
    let said = format!("{connections} connections and {flows} UDP flows were ended, by {}", asked.caller);
    tracing::info!(by = %asked.caller, connections, flows, "connections were ended by an operator");
    if let Some(observer) = asked.knowledge.observer().filter(|_| killed > 0) {
        observer.events().record(Occurrence::new(EventKind::ConnectionsKilled, said));
    }
    json(&Killed { kind: "Killed", killed, connections, flows })
}

fn filter(wanted: &Wanted, clock: &Clock) -> Result<ConnectionFilter, ApiError> {
    let Wanted { id, namespace, service, port, client, endpoint, older_seconds } = wanted;
    let wrong = |key: &str, why: &str| ApiError::invalid_body(format!("{EXPECTED}: {key} {why}"));
    let id =
        id.as_deref().map(|id| id.parse::<ConnectionId>().map_err(|why| wrong("id", why))).transpose()?;
    let client = client.as_deref().map(network).map(|network| {
        network.ok_or_else(|| wrong("client", "must be an address or a network, as in 10.0.0.0/8"))
    });
    let endpoint = endpoint.as_deref().map(|endpoint| match endpoint.parse() {
        Ok(Steered::Endpoint { ip, port, protocol: None }) => Ok((ip, port.map(std::num::NonZeroU16::get))),
        _ => Err(wrong("endpoint", "must be an address, as in 10.0.0.7:8080 or 10.0.0.7")),
    });
    let opened_before = older_seconds.map(|seconds| {
        let age = Duration::try_from_secs_f64(seconds);
        let age = age.map_err(|_| wrong("olderSeconds", "must be a number of seconds"))?;
        // Nothing is as old as what this clock cannot tell.
        clock
            .instant
            .checked_sub(age)
            .ok_or_else(|| wrong("olderSeconds", "is longer than this host has been up"))
    });
    let filter = ConnectionFilter {
        id,
        namespace: namespace.clone(),
        service: service.clone(),
        port: port.clone(),
        client: client.transpose()?,
        endpoint: endpoint.transpose()?,
        opened_before: opened_before.transpose()?,
        ..ConnectionFilter::default()
    };
    match filter.is_empty() {
        true => Err(ApiError::invalid_body(format!("{EXPECTED}: at least one key, or everything would end"))),
        false => Ok(filter),
    }
}

/// A network, or one address as the network of itself.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}
