//! Which side of a relay failed, and what is still to be done then?

use crate::{session::local_metrics::Direction, telemetry::close_reason::Closed};
use std::io::{self, ErrorKind};

/// Reads of what the side that is left says, which is thrown away, at most; of 64 KiB each.
const MAX_DISCARDS: u16 = 1024;

/// The failure of the sender of a direction. What the sender had said is still delivered, and nothing else.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct Failure {
    /// Close reason of the connection.
    pub(in crate::tcp) reason: Closed,
    /// Whether the sender had ended its stream in order before. If not, the end of what can be read is none.
    pub(in crate::tcp) followed_end: bool,
    /// Reads of what the other side says that may still be thrown away.
    pub(in crate::tcp) discards_left: u16,
}

impl Failure {
    pub(super) fn new(reason: Closed, followed_end: bool) -> Self {
        Self { reason, followed_end, discards_left: MAX_DISCARDS }
    }
}

/// A failed system call, and the side of a direction where it failed.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// Reading from the side that bytes come from.
    Reading(io::Error),
    /// Writing to the side that bytes go to.
    Writing(io::Error),
}

impl PumpError {
    /// Direction of what the failed side has said, while this error befell `direction`.
    pub(in crate::tcp) fn last_words(&self, direction: Direction) -> Direction {
        match self {
            Self::Reading(_) => direction,
            Self::Writing(_) => direction.opposite(),
        }
    }

    /// Whether the side that cannot be written to had ended its own stream in order before: the kernel reports EPIPE
    /// then, else ECONNRESET (`tcp_reset` in Linux).
    pub(in crate::tcp) fn followed_end(&self) -> bool {
        matches!(self, Self::Writing(error) if error.kind() == ErrorKind::BrokenPipe)
    }

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
