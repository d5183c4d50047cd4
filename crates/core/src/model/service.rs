//! What does a Service ask for?

use super::{
    family::{Family, PerFamily},
    settings::Settings,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::IpAddr,
    num::NonZeroU16,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Namespace and name of a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceKey {
    /// The namespace of the Service.
    pub namespace: Arc<str>,
    /// The name of the Service inside the namespace.
    pub name: Arc<str>,
}

impl ServiceKey {
    /// A key from its two parts.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// When a Service was created, in whole seconds of Unix time (`metadata.creationTimestamp`). An unknown time counts as later
/// than every known one: who shows no age takes nothing from who does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CreationTime(u32);

impl CreationTime {
    /// The time of an object that says none, as objects in files do.
    pub const UNKNOWN: Self = Self(u32::MAX);

    /// The time that is this many seconds after the start of 1970; times before that, and those after 2106, count as the
    /// nearest that can be told.
    pub fn at(seconds: i64) -> Self {
        let latest = Self::UNKNOWN.0 - 1;
        Self(u32::try_from(seconds.max(0)).map_or(latest, |seconds| seconds.min(latest)))
    }
}

impl CreationTime {
    /// The time; `None` if the object said none.
    pub fn time(self) -> Option<SystemTime> {
        let since_epoch = Duration::from_secs(self.0.into());
        (self != Self::UNKNOWN).then(|| SystemTime::UNIX_EPOCH + since_epoch)
    }
}

impl Default for CreationTime {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

/// A transport protocol of a Service port. Port numbers of different protocols are independent (semantics O2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// Stream Control Transmission Protocol.
    Sctp,
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
}

impl Protocol {
    /// The Kubernetes word: `TCP`, `UDP` or `SCTP`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sctp => "SCTP",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    /// The IANA protocol number.
    pub fn number(self) -> u8 {
        match self {
            Self::Sctp => 132,
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

impl std::str::FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        match text {
            "TCP" => Ok(Self::Tcp),
            "UDP" => Ok(Self::Udp),
            "SCTP" => Ok(Self::Sctp),
            _ => Err(UnknownProtocol(text.chars().take(32).collect())),
        }
    }
}

/// The error of a text that is none of `TCP`, `UDP` and `SCTP`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown protocol {0:?}; Kubernetes knows TCP, UDP and SCTP")]
pub struct UnknownProtocol(String);

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The identity of what is balanced: a Service, a port name and a protocol ("unit" in docs/semantics.md). Ordered by namespace,
/// name, port name and the protocol's text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortKey {
    /// The Service.
    pub service: ServiceKey,
    /// The port's name; empty for an unnamed port.
    pub name: Arc<str>,
    /// The port's protocol.
    pub protocol: Protocol,
}

impl fmt::Display for PortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "{}/{}", self.service, self.protocol)
        } else {
            write!(f, "{}:{}/{}", self.service, self.name, self.protocol)
        }
    }
}

/// One entry of `spec.ports`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortSpec {
    /// The `name`; empty when absent.
    pub name: Arc<str>,
    /// The `protocol`.
    pub protocol: Protocol,
    /// The `port` on the cluster IP, external IPs and load-balancer IPs.
    pub port: NonZeroU16,
    /// The `nodePort`; `None` when absent.
    pub node_port: Option<NonZeroU16>,
}

/// The fields of a core/v1 Service that a proxy follows, checked and typed. Services that are headless, of type ExternalName
/// or those of another proxy never become one (semantics S2-S4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Namespace and name.
    pub key: ServiceKey,
    /// When the Service was created: of several that want one address the oldest gets it (semantics A7).
    pub created: CreationTime,
    /// The cluster IP of each family; without one the Service does not exist in that family (semantics A1).
    pub cluster_ips: PerFamily<Option<IpAddr>>,
    /// Addresses of `spec.externalIPs`, in order, and of the annotation `weir.dev/external-ips` (semantics A2).
    pub external_ips: PerFamily<Box<[IpAddr]>>,
    /// Addresses of `status.loadBalancer.ingress` that this node must answer for, in order (semantics A3).
    pub load_balancer_ips: PerFamily<Box<[IpAddr]>>,
    /// Networks whose clients may use the load-balancer IPs; empty means all (semantics A5).
    pub source_ranges: PerFamily<Box<[IpNet]>>,
    /// Whether `internalTrafficPolicy` is Local (semantics P1).
    pub internal_local: bool,
    /// Whether `externalTrafficPolicy` is Local and counts (semantics P5).
    pub external_local: bool,
    /// The idle time-out of ClientIP session affinity; `None` without affinity (semantics F1).
    pub affinity: Option<Duration>,
    /// The health-check node port; `None` when it does not count (semantics H1).
    pub health_check_node_port: Option<NonZeroU16>,
    /// The entries of `spec.ports`, in order.
    pub ports: Vec<PortSpec>,
    /// The settings of weir's own, from annotations.
    pub settings: Arc<Settings>,
    /// The labels, each with its value, sorted by key: operators choose Services by them, and nothing that is served follows.
    pub labels: Box<[(Arc<str>, Arc<str>)]>,
}

impl Service {
    /// A Service with a cluster IP and ports, and the API's defaults for everything else.
    pub fn new(key: ServiceKey, cluster_ip: IpAddr, ports: Vec<PortSpec>) -> Self {
        let mut cluster_ips = PerFamily::default();
        *cluster_ips.get_mut(Family::of(cluster_ip)) = Some(cluster_ip);
        Self {
            key,
            created: CreationTime::UNKNOWN,
            cluster_ips,
            external_ips: PerFamily::default(),
            load_balancer_ips: PerFamily::default(),
            source_ranges: PerFamily::default(),
            internal_local: false,
            external_local: false,
            affinity: None,
            health_check_node_port: None,
            ports,
            settings: Arc::default(),
            labels: Box::default(),
        }
    }
}
