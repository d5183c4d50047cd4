//! Why did an attempt to connect fail?

use std::fmt;

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The endpoint refused, or reset the handshake; nobody listens.
    Refused,
    /// No way to it: a router or this host said so.
    Unreachable,
    /// It did not answer in time, or later than another one.
    TimedOut,
    /// It accepted, and reset before a byte was relayed.
    Reset,
}

impl Failure {
    /// All of them.
    pub const ALL: [Failure; 4] = [Self::Refused, Self::Unreachable, Self::TimedOut, Self::Reset];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Reset => "reset",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
