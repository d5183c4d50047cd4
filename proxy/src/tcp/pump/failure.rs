//! Which side of a relay failed?

use crate::{session::local_metrics::Direction, telemetry::close_reason::Closed};
use std::io::{self, ErrorKind};

/// A failed system call, and the side of a direction where it failed.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// Reading from the side that bytes come from.
    Reading(io::Error),
    /// Writing to the side that bytes go to.
    Writing(io::Error),
}

impl PumpError {
    /// Close reason: the side of the connection that failed, and whether it reset or fell silent.
    pub(in crate::tcp) fn reason(&self, direction: Direction) -> Closed {
        let (error, client) = match self {
            Self::Reading(error) => (error, direction == Direction::ToEndpoint),
            Self::Writing(error) => (error, direction == Direction::ToClient),
        };
        // Keepalive, retransmission and TCP_USER_TIMEOUT report ETIMEDOUT, or what ICMP said last (tcp(7)).
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
