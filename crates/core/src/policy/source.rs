//! Which address does an endpoint see: the client's, or the node's? (semantics M1-M3)

use super::pods::Pods;
use crate::{
    model::{Endpoint, FrontendKind, Node, Origin, PerFamily},
    resolve::ServicePort,
};
use std::net::IpAddr;

/// What decides about the source address besides the Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceRules {
    /// Whether pods are recognised, by family. Where they are not, traffic to cluster IPs keeps its source, whatever its
    /// origin.
    pub pods_are_known: PerFamily<bool>,
    /// Whether all traffic to cluster IPs is masqueraded (`--masquerade-all`).
    pub masquerade_all: bool,
}

impl SourceRules {
    /// The rules on a node, given how pods are recognised there.
    pub fn of(pods: &Pods, node: &Node, masquerade_all: bool) -> Self {
        Self { pods_are_known: PerFamily::from_fn(|family| pods.are_known(family, node)), masquerade_all }
    }

    /// Whether any endpoint sees the node's address instead of the client's.
    pub fn masquerades(&self, port: &ServicePort, kind: FrontendKind, origin: Origin) -> bool {
        match kind {
            FrontendKind::ClusterIp => {
                self.masquerade_all || (*self.pods_are_known.get(port.family) && origin != Origin::Pod)
            }
            _ => !port.external_local || origin == Origin::Node,
        }
    }
}

/// Whether `client` would reach itself: then it must see the node's address instead of its own (semantics M2).
pub fn is_hairpin(node: &Node, endpoint: &Endpoint, client: IpAddr) -> bool {
    endpoint.address.ip() == client && node.is_local(endpoint.node.as_deref())
}
