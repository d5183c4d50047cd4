//! Why did a connection or a UDP flow end? One word, the same in logs, metrics and the API.

use std::{fmt, str::FromStr};

/// Reason why a connection or a UDP flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// Both sides ended in order.
    Finished,
    /// The client reset the connection.
    ClientReset,
    /// The endpoint reset the connection.
    EndpointReset,
    /// The client stopped answering: it left keepalive, or bytes and probes of its window, unacknowledged.
    ClientTimeout,
    /// The endpoint stopped answering: it left keepalive, or bytes and probes of its window, unacknowledged.
    EndpointTimeout,
    /// No byte for longer than the idle time-out.
    IdleTimeout,
    /// One side had ended and the other sent no byte for longer than the half-closed time-out.
    HalfClosedTimeout,
    /// The Service has no usable endpoint for this client.
    NoEndpoints,
    /// Every endpoint tried refused the connection, or an endpoint has no socket on the UDP port.
    ConnectRefused,
    /// No endpoint tried answered in time.
    ConnectTimeout,
    /// There is no way to the endpoints tried.
    ConnectUnreachable,
    /// The endpoints tried are Service addresses that weir itself serves: a connection would come back to weir.
    LoopRefused,
    /// The client's packets arrived with no hop left (TTL of IPv4, hop limit of IPv6), as what goes round between proxies
    /// does in the end.
    HopLimit,
    /// The client left before an endpoint was connected.
    ClientGone,
    /// The client had to begin with a PROXY protocol header and did not, or not with one that is understood.
    ProxyProtocolError,
    /// The client is outside loadBalancerSourceRanges.
    SourceDenied,
    /// All endpoints had as many connections as they may have, and as many clients waited as may.
    QueueFull,
    /// All endpoints had as many connections as they may have for longer than a client may wait.
    QueueTimeout,
    /// The process has no permit left for another connection of this Service.
    OverCapacity,
    /// The Service has as many connections as it may have.
    ServiceLimit,
    /// The client has as many connections to the Service as it may have.
    ClientLimit,
    /// This host ran out of descriptors or memory.
    LocalLimit,
    /// Every port from which weir may speak to the endpoints tried is in use there.
    NoSourcePort,
    /// The endpoint was removed and the Service does not keep its connections; or the endpoint of a UDP flow stopped
    /// serving, and the next datagram gets another one.
    EndpointRemoved,
    /// The connection reached the greatest age that the Service allows.
    MaxAge,
    /// The frontend of a UDP flow is no longer served.
    FrontendRemoved,
    /// The flow was the one idle for longest when there was no room for another.
    Evicted,
    /// weir stopped before the connection ended.
    Drained,
}

impl Closed {
    /// All reasons.
    pub const ALL: [Closed; 28] = [
        Self::Finished,
        Self::ClientReset,
        Self::EndpointReset,
        Self::ClientTimeout,
        Self::EndpointTimeout,
        Self::IdleTimeout,
        Self::HalfClosedTimeout,
        Self::NoEndpoints,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectUnreachable,
        Self::LoopRefused,
        Self::HopLimit,
        Self::ClientGone,
        Self::ProxyProtocolError,
        Self::SourceDenied,
        Self::QueueFull,
        Self::QueueTimeout,
        Self::OverCapacity,
        Self::ServiceLimit,
        Self::ClientLimit,
        Self::LocalLimit,
        Self::NoSourcePort,
        Self::EndpointRemoved,
        Self::MaxAge,
        Self::FrontendRemoved,
        Self::Evicted,
        Self::Drained,
    ];

    /// Whether no endpoint served the client for this reason, or one failed that did.
    pub fn is_failure(self) -> bool {
        match self {
            Self::EndpointReset
            | Self::EndpointTimeout
            | Self::NoEndpoints
            | Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::ConnectUnreachable
            | Self::LoopRefused
            | Self::QueueFull
            | Self::QueueTimeout
            | Self::LocalLimit
            | Self::NoSourcePort => true,
            Self::Finished
            | Self::ClientReset
            | Self::ClientTimeout
            | Self::IdleTimeout
            | Self::HalfClosedTimeout
            | Self::HopLimit
            | Self::ClientGone
            | Self::ProxyProtocolError
            | Self::SourceDenied
            | Self::OverCapacity
            | Self::ServiceLimit
            | Self::ClientLimit
            | Self::EndpointRemoved
            | Self::MaxAge
            | Self::FrontendRemoved
            | Self::Evicted
            | Self::Drained => false,
        }
    }

    /// The word in logs, metrics and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ClientReset => "client_reset",
            Self::EndpointReset => "endpoint_reset",
            Self::ClientTimeout => "client_timeout",
            Self::EndpointTimeout => "endpoint_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::HalfClosedTimeout => "half_closed_timeout",
            Self::NoEndpoints => "no_endpoints",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectUnreachable => "connect_unreachable",
            Self::LoopRefused => "loop_refused",
            Self::HopLimit => "hop_limit",
            Self::ClientGone => "client_gone",
            Self::ProxyProtocolError => "proxy_protocol_error",
            Self::SourceDenied => "source_denied",
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
            Self::OverCapacity => "over_capacity",
            Self::ServiceLimit => "service_limit",
            Self::ClientLimit => "client_limit",
            Self::LocalLimit => "local_limit",
            Self::NoSourcePort => "no_source_port",
            Self::EndpointRemoved => "endpoint_removed",
            Self::MaxAge => "max_age",
            Self::FrontendRemoved => "frontend_removed",
            Self::Evicted => "evicted",
            Self::Drained => "drained",
        }
    }
}

impl FromStr for Closed {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(UnknownReason)
    }
}

/// The error of a text that names no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no close reason")]
pub struct UnknownReason;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
