//! What can a user set for one Service, and what is the default?

use super::ratio::Ratio;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU32, str::FromStr, sync::Arc, time::Duration};

/// How new flows are spread over the endpoints of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Policy {
    /// Uniformly random, as kube-proxy chooses.
    Random,
    /// One endpoint after another.
    RoundRobin,
    /// Of two random endpoints the one with fewer live connections; uniform while these are equal.
    #[default]
    LeastConnections,
    /// Of two random endpoints the one with the lower product of connect time and live connections.
    PeakEwma,
    /// By a hash of the flow: the same endpoint on every node, and few flows move when the set changes.
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

/// The error of a text that names no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of random, round-robin, least-connections, peak-ewma, maglev")]
pub struct UnknownPolicy;

/// The settings of one Service, from its annotations `weir.dev/*`. `Default` is the one place where defaults are written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// How new flows are spread over endpoints.
    pub balance: Policy,
    /// Time until some endpoint must have accepted a client's TCP connection.
    pub connect_timeout: Duration,
    /// Time that a TCP connection may stay without a byte in either direction.
    pub idle_timeout: Duration,
    /// Time that a TCP connection may stay without a byte once one side has ended.
    pub half_closed_timeout: Duration,
    /// Time that a UDP flow may stay without a datagram in either direction.
    pub udp_idle_timeout: Duration,
    /// Time that a UDP flow may stay without a datagram once both sides have spoken repeatedly.
    pub udp_assured_timeout: Duration,
    /// Time for which the host of a peer of a TCP connection may acknowledge nothing, neither data nor probes, before the
    /// connection is reset. A peer that only pauses reading is acknowledged for by its host.
    pub dead_peer_timeout: Duration,
    /// Time that a TCP connection may live; each ends up to a tenth earlier, at random. `None` is no limit.
    pub max_connection_age: Option<Duration>,
    /// What happens to TCP connections when their endpoint is removed.
    pub on_endpoint_removed: EndpointRemoved,
    /// What packets to external addresses get where no endpoint may serve them.
    pub no_local_endpoints: NoLocalEndpoints,
    /// Active checks of endpoints; `None` checks by clients' connections only.
    pub health_check: Option<ActiveCheck>,
    /// Prefers endpoints of this node, else of its zone, while they have fewer live connections than this factor times the
    /// mean of all endpoints; `None` prefers none.
    pub topology_spill: Option<Ratio>,
    /// Limits of the Service on this node.
    pub limits: Limits,
    /// Version of the PROXY protocol header that tells endpoints a client's address; `None` sends none.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Networks whose clients must begin with a PROXY protocol header, which is believed; other clients must not.
    pub accept_proxy_protocol: Arc<[IpNet]>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            balance: Policy::default(),
            connect_timeout: Duration::from_secs(10),
            // What kube-proxy's conntrack settings allow an established connection.
            idle_timeout: Duration::from_secs(24 * 3600),
            // And one in CLOSE_WAIT.
            half_closed_timeout: Duration::from_secs(3600),
            udp_idle_timeout: Duration::from_secs(30),
            udp_assured_timeout: Duration::from_secs(120),
            dead_peer_timeout: Duration::from_secs(30),
            max_connection_age: None,
            on_endpoint_removed: EndpointRemoved::default(),
            no_local_endpoints: NoLocalEndpoints::default(),
            health_check: None,
            topology_spill: None,
            limits: Limits::default(),
            proxy_protocol: None,
            accept_proxy_protocol: Arc::default(),
        }
    }
}

/// What happens to TCP connections when their endpoint is removed: no longer in any slice, or its Service deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EndpointRemoved {
    /// Connections go on for as long as both sides like, as under kube-proxy.
    #[default]
    Keep,
    /// Connections are reset within this time, each at a random moment.
    Drain(Duration),
    /// Connections are reset at once.
    Reset,
}

/// What packets to the external IPs and load-balancer IPs of a Service get where externalTrafficPolicy is Local and no endpoint
/// may serve them here (kep#6272).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NoLocalEndpoints {
    /// Silence, or a refusal where no node has an endpoint, as under kube-proxy.
    #[default]
    Drop,
    /// Nothing: they go on untouched, and the network decides.
    Pass,
}

/// Settings of active checks: weir opens a TCP connection to each endpoint once an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActiveCheck {
    /// Time between two checks of an endpoint, and the time that one check may take, but at most 5 s.
    pub interval: Duration,
    /// Successes in a row after which an endpoint is up.
    pub rise: NonZeroU32,
    /// Failures in a row after which an endpoint is down.
    pub fall: NonZeroU32,
}

impl Default for ActiveCheck {
    fn default() -> Self {
        let [rise, fall] = [2, 3].map(|count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self { interval: Duration::from_secs(5), rise, fall }
    }
}

/// Limits of one Service on this node. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Live TCP connections of the Service.
    pub connections: Option<NonZeroU32>,
    /// Live TCP connections to one endpoint. When all endpoints have as many, clients wait in a queue.
    pub connections_per_endpoint: Option<NonZeroU32>,
    /// Clients that may wait for an endpoint at the same time; the next one is refused.
    pub queue: u32,
    /// Time that a client may wait for an endpoint.
    pub queue_timeout: Duration,
    /// Live TCP connections of one client address.
    pub connections_per_client: Option<NonZeroU32>,
    /// TCP clients accepted in a second; further ones wait.
    pub accept_rate: Option<NonZeroU32>,
    /// UDP flows of one client address; for a further one the flow that has been idle for longest ends.
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
    /// Version 1: a line of text.
    V1,
    /// Version 2: a binary header.
    V2,
}
