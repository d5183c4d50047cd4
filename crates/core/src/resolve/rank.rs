//! Which of several claims on one address goes first, and why? (semantics A8)

use crate::model::{FrontendKind, PortKey, Protocol, ServiceKey};
use std::fmt;

/// The order of claims on one address; the least wins: that of a cluster IP, then of an external or load-balancer IP, then of
/// a node port (semantics A8); among equals that of the Service that comes first by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank<'a> {
    class: u8,
    pub(super) service: &'a ServiceKey,
    port: Option<(&'a str, Protocol)>,
    kind: u8,
}

impl<'a> Rank<'a> {
    /// The rank of a Service port at an address of a kind.
    pub fn of(kind: FrontendKind, port: &'a PortKey) -> Self {
        Self { port: Some((&port.name, port.protocol)), ..Self::of_service(kind, &port.service) }
    }

    /// The rank of a Service that claims an address for itself instead of one of its ports.
    pub fn of_service(kind: FrontendKind, service: &'a ServiceKey) -> Self {
        let (class, kind) = match kind {
            FrontendKind::ClusterIp => (0, 0),
            // An address that is both in one Service is the kind that source ranges guard (semantics A8).
            FrontendKind::LoadBalancerIp => (1, 0),
            FrontendKind::ExternalIp => (1, 1),
            FrontendKind::NodePort => (2, 0),
        };
        Self { class, service, port: None, kind }
    }
}

impl Rank<'_> {
    /// Whether both are of one Service port, which may claim an address twice: as an external and as a load-balancer IP.
    pub(super) fn is_of_same_port(&self, other: &Self) -> bool {
        (self.service, self.port) == (other.service, other.port)
    }

    /// Why this rank goes before a later one, after "it is served: ".
    pub fn precedence(self, later: Self) -> &'static str {
        match (self.class, later.class) {
            (0, 1) => "a cluster IP goes before an external or load-balancer IP",
            (0, 2) => "a cluster IP goes before a node port",
            (1, 2) => "an external or load-balancer IP goes before a node port",
            _ if self.service == later.service => "it is the first by name of the Service's ports",
            _ => "it comes first by name",
        }
    }
}

impl fmt::Display for Rank<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServiceKey { namespace, name } = self.service;
        write!(f, "{}/{}", namespace.escape_debug(), name.escape_debug())?;
        match self.port {
            None => Ok(()),
            Some(("", protocol)) => write!(f, "/{protocol}"),
            Some((port, protocol)) => write!(f, ":{}/{protocol}", port.escape_debug()),
        }
    }
}

/// A claim on an address, made for a Service.
pub trait Claimant {
    /// The rank of the claim; of all claims on an address the least wins.
    fn rank(&self) -> Rank<'_>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_address_beats_a_node_port_whatever_the_services_are_called() {
        let [a, x, y, z] = ["a", "x", "y", "z"].map(|name| {
            let service = ServiceKey::new("default", name);
            PortKey { service, name: "".into(), protocol: Protocol::Tcp }
        });
        let ranks = [
            Rank::of(FrontendKind::ClusterIp, &z),
            Rank::of(FrontendKind::ExternalIp, &x),
            Rank::of(FrontendKind::LoadBalancerIp, &y),
            Rank::of(FrontendKind::ExternalIp, &y),
            Rank::of(FrontendKind::NodePort, &a),
        ];
        assert!(ranks.is_sorted(), "{ranks:?}");
    }
}
