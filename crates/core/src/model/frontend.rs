//! What do clients dial, and where are they?

use super::service::Protocol;
use std::net::SocketAddr;

/// What clients dial: an address and port with its transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frontend {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The address and port.
    pub address: SocketAddr,
}

impl std::fmt::Display for Frontend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.protocol)
    }
}

/// What kind of address a client dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrontendKind {
    /// A cluster IP: internal traffic, whoever sends it.
    ClusterIp,
    /// One of `spec.externalIPs`.
    ExternalIp,
    /// A load-balancer address of `status.loadBalancer`.
    LoadBalancerIp,
    /// A node port on an address of the node.
    NodePort,
}

impl FrontendKind {
    /// The word used in tables, logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIp => "cluster-ip",
            Self::ExternalIp => "external-ip",
            Self::LoadBalancerIp => "load-balancer",
            Self::NodePort => "node-port",
        }
    }
}

/// Where a flow comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A process of this node: the source is a local address.
    Node,
    /// A recognised pod.
    Pod,
    /// Anybody else.
    Outside,
}
