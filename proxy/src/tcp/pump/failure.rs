//! Which side of a relay failed?

use crate::{session::local_metrics::Direction, telemetry::close_reason::Closed};
use std::io::{self, ErrorKind};

/// A system call that failed, and on which end of a direction.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// Reading from where bytes come from.
    Reading(io::Error),
    /// Writing to where they go.
    Writing(io::Error),
}

impl PumpError {
    /// Whose fault it is.
    pub(in crate::tcp) fn reason(&self, direction: Direction) -> Closed {
        let (error, client) = match self {
            Self::Reading(error) => (error, direction == Direction::ToEndpoint),
            Self::Writing(error) => (error, direction == Direction::ToClient),
        };
        // Keepalive and TCP_USER_TIMEOUT report ETIMEDOUT, or what ICMP said last (tcp(7)).
        let silent = matches!(
            error.kind(),
            ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
        );
        match (client, silent) {
            (true, true) => Closed::ClientTimeout,
            (true, false) => Closed::ClientReset,
            (false, true) => Closed::EndpointTimeout,
            (false, false) => Closed::EndpointReset,
        }
    }
}
