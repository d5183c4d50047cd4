//! What is told of a connection to others?

use super::Connection;
use crate::{
    shared::command::ConnectionInfo,
    telemetry::{close_reason::Closed, connection_log::EndedSession},
};
use std::time::{Duration, Instant, SystemTime};
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

    /// Copies the data of the connection for other threads.
    pub(crate) fn info(&self) -> ConnectionInfo {
        ConnectionInfo {
            flow: self.flow,
            port: self.frontend.port_key(),
            endpoint: self.endpoint.get(),
            opened: self.opened,
            to_endpoint: self.to_endpoint.get(),
            to_client: self.to_client.get(),
            via: self.spoken_for_by(),
            sockets: self.sockets.get(),
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
