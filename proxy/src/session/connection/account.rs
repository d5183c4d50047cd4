//! What is told of a connection to others?

use super::Connection;
use crate::{
    session::closed_ring::ClosedConnection,
    shared::connection_info::{ConnectionFilter, ConnectionId, ConnectionInfo, ServedPort},
    telemetry::{close_reason::Closed, connection_log::EndedSession},
};
use std::{
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};
use tracing::field;

impl Connection {
    /// Writes a log line about the end of the connection, for those who look for faults.
    pub(crate) fn log_end(&self, reason: Closed) {
        tracing::debug!(
            client = %self.flow.client, frontend = %self.flow.frontend, service = %self.frontend.port_key(),
            endpoint = self.endpoint.get().map(field::display), attempts = self.attempts.get(),
            connect_time = self.connect_time().map(field::debug), duration = ?self.opened.elapsed(),
            to_endpoint = self.to_endpoint.get(), to_client = self.to_client.get(), %reason,
            "connection closed"
        );
    }

    /// Whether the connection is asked for.
    pub(crate) fn matches(&self, filter: &ConnectionFilter) -> bool {
        let (port, client) = (self.frontend.served_port(), self.flow.client.ip());
        filter.matches(port, client, self.endpoint.get(), self.opened)
    }

    /// Copies the data of the connection for other threads; `worker` is the number of this one.
    pub(crate) fn info(&self, worker: u16) -> ConnectionInfo {
        let ServedPort { key, number } = &**self.frontend.served_port();
        ConnectionInfo {
            id: ConnectionId { worker, number: self.id },
            flow: self.flow,
            port: key.clone(),
            port_number: *number,
            via: self.spoken_for_by(),
            endpoint: self.endpoint.get(),
            opened: self.opened,
            last_active: self.last_active(),
            connect_time: self.connect_time(),
            attempts: self.attempts.get(),
            to_endpoint: self.to_endpoint.get(),
            to_client: self.to_client.get(),
            sockets: self.sockets.get(),
            end: None,
        }
    }

    /// What is remembered of the connection, which has ended `now`.
    pub(crate) fn closed(&self, reason: Closed, now: Instant) -> ClosedConnection {
        ClosedConnection {
            number: self.id,
            port: Rc::clone(self.frontend.served_port()),
            flow: self.flow,
            via: self.spoken_for_by(),
            endpoint: self.endpoint.get(),
            opened: self.opened,
            closed: now,
            connect_micros: self.connect_micros.get(),
            attempts: self.attempts.get(),
            reason,
            to_endpoint: self.to_endpoint.get(),
            to_client: self.to_client.get(),
        }
    }

    /// Copies the data of the connection, which has ended `now`, for the connection log.
    pub(crate) fn ended(&self, reason: Closed, first_byte: Option<Duration>, now: Instant) -> EndedSession {
        let routing = self.frontend.runtime.routing();
        let endpoint = self.endpoint.get();
        EndedSession {
            closed_at: SystemTime::now(),
            duration: now.saturating_duration_since(self.opened),
            port: routing.port.key.clone(),
            port_number: routing.port.port,
            flow: self.flow,
            via: self.spoken_for_by(),
            endpoint,
            node: endpoint.and_then(|endpoint| routing.node_of(endpoint)),
            connect_time: self.connect_time(),
            first_byte,
            attempts: self.attempts.get().into(),
            bytes_to_endpoint: self.to_endpoint.get(),
            bytes_to_client: self.to_client.get(),
            datagrams: None,
            reason,
            client_path: None,
            endpoint_path: None,
        }
    }

    fn connect_time(&self) -> Option<Duration> {
        self.connect_micros.get().map(|micros| Duration::from_micros(micros.get().into()))
    }
}
