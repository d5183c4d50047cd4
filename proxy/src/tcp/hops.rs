//! How far may the packets of a connection to an endpoint go?

use crate::{
    session::{connection::Connection, connection_context::ConnectionContext},
    sys::{hop_limit, tcp::Stream},
    telemetry::close_reason::Closed,
};
use weir_core::HopLimit;

/// What is left of the hops with which a client began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hops {
    /// The kernel does not tell; packets leave with this host's own hop limit.
    Unknown,
    /// Packets to endpoints leave with this hop limit.
    Left(HopLimit),
    /// There are none: endpoints must not be dialled.
    UsedUp,
}

impl Hops {
    /// What the packets of a client have left. One system call.
    pub(super) fn of(connection: &Connection, client: &Stream) -> Self {
        match hop_limit::of_handshake(client, connection.peer().is_ipv4()).map(HopLimit::after) {
            None => Self::Unknown,
            Some(None) => Self::UsedUp,
            Some(Some(hop_limit)) => Self::Left(hop_limit),
        }
    }

    /// Fails for a client that has none left.
    pub(super) fn check(self, cx: &ConnectionContext) -> Result<(), Closed> {
        if self != Self::UsedUp {
            return Ok(());
        }
        let Connection { frontend, .. } = &*cx.connection;
        frontend.log_rejection(&cx.worker.admission, cx.connection.peer(), Closed::HopLimit);
        Err(Closed::HopLimit)
    }

    /// Hop limit of packets to endpoints; `None` for this host's own.
    pub(super) fn limit(self) -> Option<HopLimit> {
        match self {
            Self::Left(hop_limit) => Some(hop_limit),
            Self::Unknown | Self::UsedUp => None,
        }
    }

    /// Takes the hops of another attempt, after an endpoint has accepted and reset; returns whether there may be one.
    pub(super) fn take_retry(&mut self) -> bool {
        let Self::Left(hop_limit) = self else { return *self == Self::Unknown };
        let retry = hop_limit.of_retry();
        *self = retry.map_or(Self::UsedUp, Self::Left);
        retry.is_some()
    }
}
