//! How is a TCP connection written down?

use crate::admin::{
    basics::clock::{Clock, Time, seconds},
    known::paths::{ConnectionDetail, Paths},
    routes::connections::query::node_of,
};
use serde::Serialize;
use weir_core::Snapshot;
use weir_proxy::ConnectionInfo;

/// A TCP connection.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionForm {
    id: String,
    state: &'static str,
    namespace: String,
    service: String,
    port: String,
    protocol: &'static str,
    client: String,
    via: Option<String>,
    frontend: String,
    endpoint: Option<String>,
    node: Option<String>,
    opened_at: Time,
    closed_at: Option<Time>,
    duration_seconds: f64,
    idle_seconds: Option<f64>,
    connect_seconds: Option<f64>,
    attempts: u8,
    bytes_to_endpoint: u64,
    bytes_to_client: u64,
    reason: Option<&'static str>,
    detail: Option<ConnectionDetail>,
}

impl ConnectionForm {
    /// Writes a connection down, with its ways if they are looked at and it has not ended.
    pub(super) fn of(
        info: &ConnectionInfo,
        snapshot: &Snapshot,
        paths: Option<&Paths>,
        clock: &Clock,
    ) -> Self {
        let port = &info.port;
        let lasted = match info.end {
            Some(end) => end.at.saturating_duration_since(info.opened),
            None => clock.instant.saturating_duration_since(info.opened),
        };
        let state = match (info.end, info.endpoint) {
            (Some(_), _) => "closed",
            (None, None) => "connecting",
            (None, Some(_)) => "open",
        };
        Self {
            id: info.id.to_string(),
            state,
            namespace: port.service.namespace.to_string(),
            service: port.service.name.to_string(),
            port: if port.name.is_empty() { info.port_number.to_string() } else { port.name.to_string() },
            protocol: port.protocol.as_str(),
            client: info.flow.client.to_string(),
            via: info.via.map(|via| via.to_string()),
            frontend: info.flow.frontend.to_string(),
            endpoint: info.endpoint.map(|endpoint| endpoint.to_string()),
            node: info.endpoint.and_then(|endpoint| node_of(snapshot, port, endpoint)),
            opened_at: clock.at(info.opened),
            closed_at: info.end.map(|end| clock.at(end.at)),
            duration_seconds: seconds(lasted),
            idle_seconds: info.end.is_none().then(|| clock.since(info.last_active)),
            connect_seconds: info.connect_time.map(seconds),
            attempts: info.attempts,
            bytes_to_endpoint: info.to_endpoint,
            bytes_to_client: info.to_client,
            reason: info.end.map(|end| end.reason.as_str()),
            detail: paths.filter(|_| info.end.is_none()).and_then(|paths| paths.of_connection(info.id)),
        }
    }
}
