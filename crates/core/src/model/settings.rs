//! What can a user set for one Service, and what is the default?

use super::ratio::Ratio;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU32, str::FromStr, sync::Arc, time::Duration};

/// How new flows are spread over the endpoints of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Policy {
    /// Uniform random, as kube-proxy.
    Random,
    /// One after another.
    RoundRobin,
    /// Fewer live connections of two endpoints chosen at random; uniform while loads are equal.
    #[default]
    LeastConnections,
    /// The lower product of connect time and live connections of two endpoints chosen at random.
    PeakEwma,
    /// By a hash of the flow: the same endpoint from every node, and few flows move when the set changes.
    Maglev,
}

impl Policy {
    /// All policies.
    pub const ALL: [Policy; 5] =
        [Self::Random, Self::RoundRobin, Self::LeastConnections, Self::PeakEwma, Self::Maglev];

    /// The value of the annotation `weir.dev/balance`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::RoundRobin => "round-robin",
            Self::LeastConnections => "least-connections",
            Self::PeakEwma => "peak-ewma",
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
#[error("must be one of random, round-robin, least-connections, peak-ewma, maglev")]
pub struct UnknownPolicy;

/// The settings of one Service. `Default` is the one place where the defaults are written down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// How long a peer of a TCP connection may leave data or probes unanswered before the connection is reset.
    pub dead_peer_timeout: Duration,
    /// How long a TCP connection may live; each ends at a time of its own, up to a tenth earlier.
    pub max_connection_age: Option<Duration>,
    /// What becomes of TCP connections to an endpoint that is removed.
    pub on_endpoint_removed: EndpointRemoved,
    /// How endpoints are checked; without it only connections tell.
    pub health_check: Option<ActiveCheck>,
    /// Prefer endpoints of this node, else of its zone, while those have fewer live connections than this many times the
    /// mean of all.
    pub topology_spill: Option<Ratio>,
    /// What one Service may take.
    pub limits: Limits,
    /// Tell endpoints the client's address by a PROXY protocol header.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Clients in these networks begin with a PROXY protocol header, which is believed; others must not.
    pub accept_proxy_protocol: Arc<[IpNet]>,
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
            dead_peer_timeout: Duration::from_secs(30),
            max_connection_age: None,
            on_endpoint_removed: EndpointRemoved::default(),
            health_check: None,
            topology_spill: None,
            limits: Limits::default(),
            proxy_protocol: None,
            accept_proxy_protocol: Arc::default(),
        }
    }
}

/// What becomes of TCP connections to an endpoint that is removed: no longer in any slice, or its Service deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EndpointRemoved {
    /// They go on for as long as both sides like, as under kube-proxy.
    #[default]
    Keep,
    /// They are reset within this time, each at a time of its own.
    Drain(Duration),
    /// They are reset at once.
    Reset,
}

/// An active check: weir connects to each endpoint from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActiveCheck {
    /// Time between two checks of an endpoint. Also how long one may take.
    pub interval: Duration,
    /// Successes in a row after which an endpoint counts as healthy again.
    pub rise: NonZeroU32,
    /// Failures in a row after which it counts as unhealthy.
    pub fall: NonZeroU32,
}

impl Default for ActiveCheck {
    fn default() -> Self {
        let [rise, fall] = [2, 3].map(|count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self { interval: Duration::from_secs(5), rise, fall }
    }
}

/// What one Service may take on this node. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Live TCP connections.
    pub connections: Option<NonZeroU32>,
    /// Live TCP connections to one endpoint. When all endpoints have as many, clients wait in a queue.
    pub connections_per_endpoint: Option<NonZeroU32>,
    /// Clients that may wait for an endpoint; the next one is refused.
    pub queue: u32,
    /// How long a client may wait for an endpoint.
    pub queue_timeout: Duration,
    /// Live TCP connections of one client address.
    pub connections_per_client: Option<NonZeroU32>,
    /// Clients accepted in one second; more wait until they are accepted.
    pub accept_rate: Option<NonZeroU32>,
    /// UDP flows of one client address; beyond it, its flow that has been idle for longest ends.
    pub udp_flows_per_client: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            connections_per_endpoint: None,
            queue: 1024,
            queue_timeout: Duration::from_secs(5),
            connections_per_client: None,
            accept_rate: None,
            udp_flows_per_client: None,
        }
    }
}

/// A version of the PROXY protocol (<https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// A binary header.
    V2,
}

/// How long a connection may stay half-closed without a byte: kube-proxy's CLOSE_WAIT time-out.
pub const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(3600);
