//! What do clients dial, and where do they come from?

use super::service::Protocol;
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

/// An address and port with its transport protocol, which clients dial.
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

/// The kind of address of a frontend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrontendKind {
    /// A cluster IP: internal traffic, whatever its origin.
    ClusterIp,
    /// One of `spec.externalIPs`.
    ExternalIp,
    /// A load-balancer address of `status.loadBalancer`.
    LoadBalancerIp,
    /// A node port on an address of this host.
    NodePort,
}

impl FrontendKind {
    /// The word for tables, logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIp => "cluster-ip",
            Self::ExternalIp => "external-ip",
            Self::LoadBalancerIp => "load-balancer",
            Self::NodePort => "node-port",
        }
    }
}

/// The origin of a client, by which traffic policies differ (semantics P6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A process of this node: the source address is local.
    Node,
    /// A recognised pod.
    Pod,
    /// Any other client.
    Outside,
}

impl Origin {
    /// The origin of a client by its address. `host` are the addresses of this host's interfaces, which count as the node's
    /// even inside the networks of pods; `pods` are the networks by which pods are recognised. Pods that are recognised by
    /// their interface count as outside clients here.
    pub fn of(client: IpAddr, host: &BTreeSet<IpAddr>, pods: &[IpNet]) -> Self {
        if client.is_loopback() || host.contains(&client) {
            Self::Node
        } else if pods.iter().any(|network| network.contains(&client)) {
            Self::Pod
        } else {
            Self::Outside
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_host_is_the_nodes_even_within_the_networks_of_pods() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let (host, pods) = ([ip("10.244.1.1")].into(), ["10.244.0.0/16".parse().unwrap()]);
        let clients = ["127.0.0.1", "::1", "10.244.1.1", "10.244.1.2", "10.245.0.1", "fd00::1"];
        let expected =
            [Origin::Node, Origin::Node, Origin::Node, Origin::Pod, Origin::Outside, Origin::Outside];
        assert_eq!(clients.map(|client| Origin::of(ip(client), &host, &pods)), expected);
        assert_eq!(Origin::of(ip("10.244.1.2"), &BTreeSet::new(), &[]), Origin::Outside);
    }
}
