//! What can a user set for one Service, and what is the default?

use std::{fmt, str::FromStr, time::Duration};

/// How new flows are spread over the endpoints of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Uniform random, as kube-proxy.
    Random,
    /// One after another.
    RoundRobin,
    /// Fewer live connections of two endpoints chosen at random; uniform while loads are equal.
    #[default]
    LeastConnections,
    /// By a hash of the flow: the same endpoint from every node, and few flows move when the set changes.
    Maglev,
}

impl Policy {
    /// All policies.
    pub const ALL: [Policy; 4] = [Self::Random, Self::RoundRobin, Self::LeastConnections, Self::Maglev];

    /// The value of the annotation `weir.dev/balance`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::RoundRobin => "round-robin",
            Self::LeastConnections => "least-connections",
            Self::Maglev => "maglev",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text).ok_or(UnknownPolicy)
    }
}

/// The text names no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of random, round-robin, least-connections, maglev")]
pub struct UnknownPolicy;

/// The settings of one Service. `Default` is the one place where the defaults are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How new flows are spread.
    pub balance: Policy,
    /// How long a client may wait until some endpoint has accepted its TCP connection.
    pub connect_timeout: Duration,
    /// How long a TCP connection may stay without a byte in either direction.
    pub idle_timeout: Duration,
    /// How long a UDP flow may stay without a datagram in either direction.
    pub udp_idle_timeout: Duration,
    /// The same once both sides have spoken repeatedly.
    pub udp_assured_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            balance: Policy::default(),
            connect_timeout: Duration::from_secs(10),
            // What kube-proxy's conntrack settings allow an established connection.
            idle_timeout: Duration::from_secs(24 * 3600),
            udp_idle_timeout: Duration::from_secs(30),
            udp_assured_timeout: Duration::from_secs(120),
        }
    }
}

/// How long a connection may stay half-closed without a byte: kube-proxy's CLOSE_WAIT time-out.
pub const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(3600);
