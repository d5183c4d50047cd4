//! Whose fault is a connect that failed?

use crate::telemetry::close_reason::Closed;
use std::io::{self, ErrorKind};
use weir_core::ConnectFailure;

/// The side at fault for a failed connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectFault {
    /// The endpoint: another one may do better.
    Endpoint(ConnectFailure),
    /// Nobody: the endpoint is a frontend of this proxy itself.
    Loop,
    /// This host, which has no free port towards the endpoint; no endpoint is to blame.
    SourcePorts,
    /// This host, which lacks descriptors or memory; no endpoint is to blame.
    Host,
}

impl ConnectFault {
    /// The side at fault by an error of connect(2).
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                Self::Endpoint(ConnectFailure::Refused)
            }
            ErrorKind::TimedOut => Self::Endpoint(ConnectFailure::TimedOut),
            ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable => Self::SourcePorts,
            ErrorKind::OutOfMemory => Self::Host,
            _ if matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS)) => Self::Host,
            _ => Self::Endpoint(ConnectFailure::Unreachable),
        }
    }

    /// The fault of the endpoints tried by the close reason of a client that was not connected; `None` if that was
    /// something else.
    pub(crate) fn failure_of(reason: Closed) -> Option<ConnectFailure> {
        ConnectFailure::ALL.into_iter().find(|&failure| Self::Endpoint(failure).reason() == reason)
    }

    /// The close reason of a client that is not given to another endpoint.
    pub(crate) fn reason(self) -> Closed {
        match self {
            Self::Endpoint(ConnectFailure::Refused) => Closed::ConnectRefused,
            Self::Endpoint(ConnectFailure::Unreachable) => Closed::ConnectUnreachable,
            Self::Endpoint(ConnectFailure::TimedOut) => Closed::ConnectTimeout,
            Self::Endpoint(ConnectFailure::Reset) => Closed::EndpointReset,
            Self::Loop => Closed::LoopRefused,
            Self::SourcePorts => Closed::NoSourcePort,
            Self::Host => Closed::LocalLimit,
        }
    }
}

const ENFILE: i32 = rustix::io::Errno::NFILE.raw_os_error();
const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
const ENOBUFS: i32 = rustix::io::Errno::NOBUFS.raw_os_error();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_at_fault_for_clients_that_none_of_them_served_and_for_no_others() {
        assert_eq!(ConnectFault::failure_of(Closed::ConnectTimeout), Some(ConnectFailure::TimedOut));
        let others = [Closed::QueueFull, Closed::LoopRefused, Closed::LocalLimit, Closed::NoEndpoints];
        assert!(others.iter().all(|&reason| ConnectFault::failure_of(reason).is_none()));
    }
}
