//! Why did an attempt to connect to an endpoint fail?

use std::fmt;

/// The reason of a failed attempt to connect to an endpoint. The first three are errors of connect(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectFailure {
    /// The endpoint refused, or reset the handshake (ECONNREFUSED): nothing listens there.
    Refused,
    /// A router or this host said that there is no way to the endpoint (EHOSTUNREACH, ENETUNREACH and the like).
    Unreachable,
    /// The endpoint did not answer in time (ETIMEDOUT), or another one that was tried later answered first.
    TimedOut,
    /// The endpoint accepted the connection and reset it before a byte was relayed.
    Reset,
}

impl ConnectFailure {
    /// All reasons.
    pub const ALL: [ConnectFailure; 4] = [Self::Refused, Self::Unreachable, Self::TimedOut, Self::Reset];

    /// The word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Reset => "reset",
        }
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
