//! Which of several claims on one address goes first, and why? (semantics A7, A8)

use crate::model::{CreationTime, FrontendKind, PortKey, Protocol, ServiceKey};
use std::fmt;

/// The order of claims on one address; the least wins: that of a cluster IP, then of a load-balancer IP, of an external IP, of a
/// node port (semantics A8); among equals that of the Service that was created first, then of the one that comes first by name.
///
/// Controllers of the cluster give load-balancer IPs, authors of Services write external IPs. And whoever creates a Service
/// cannot choose when it was created: a newcomer takes nothing away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank<'a> {
    class: Class,
    created: CreationTime,
    pub(super) service: &'a ServiceKey,
    port: Option<(&'a str, Protocol)>,
}

/// Kinds of addresses in the order in which they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    ClusterIp,
    /// Before an external IP also in one Service: this is the kind that source ranges guard (semantics A8).
    LoadBalancerIp,
    ExternalIp,
    NodePort,
}

impl<'a> Rank<'a> {
    /// The rank of a port, at an address of a kind, of a Service that was created at that time.
    pub fn of(kind: FrontendKind, created: CreationTime, port: &'a PortKey) -> Self {
        let port_rank = Some((&*port.name, port.protocol));
        Self { port: port_rank, ..Self::of_service(kind, created, &port.service) }
    }

    /// The rank of a Service that claims an address for itself instead of one of its ports.
    pub fn of_service(kind: FrontendKind, created: CreationTime, service: &'a ServiceKey) -> Self {
        let class = match kind {
            FrontendKind::ClusterIp => Class::ClusterIp,
            FrontendKind::LoadBalancerIp => Class::LoadBalancerIp,
            FrontendKind::ExternalIp => Class::ExternalIp,
            FrontendKind::NodePort => Class::NodePort,
        };
        Self { class, created, service, port: None }
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
            (Class::ClusterIp, Class::LoadBalancerIp) => "a cluster IP goes before a load-balancer IP",
            (Class::ClusterIp, Class::ExternalIp) => "a cluster IP goes before an external IP",
            (Class::ClusterIp, Class::NodePort) => "a cluster IP goes before a node port",
            (Class::LoadBalancerIp, Class::ExternalIp) => "a load-balancer IP goes before an external IP",
            (Class::LoadBalancerIp, Class::NodePort) => "a load-balancer IP goes before a node port",
            (Class::ExternalIp, Class::NodePort) => "an external IP goes before a node port",
            _ if self.service == later.service => "it is the first by name of the Service's ports",
            _ if self.created != later.created => "its Service is the oldest",
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

    fn port(name: &str) -> PortKey {
        let service = ServiceKey::new("default", name);
        PortKey { service, name: "".into(), protocol: Protocol::Tcp }
    }

    #[test]
    fn the_kind_of_an_address_decides_before_the_age_of_its_service_and_that_before_names() {
        let [a, b, x, y, z] = ["a", "b", "x", "y", "z"].map(port);
        let (old, young) = (CreationTime::at(1_700_000_000), CreationTime::at(1_800_000_000));
        let ranks = [
            Rank::of(FrontendKind::ClusterIp, young, &z),
            Rank::of(FrontendKind::LoadBalancerIp, old, &z),
            Rank::of(FrontendKind::LoadBalancerIp, young, &y),
            Rank::of(FrontendKind::LoadBalancerIp, CreationTime::UNKNOWN, &b),
            Rank::of(FrontendKind::ExternalIp, old, &x),
            Rank::of(FrontendKind::ExternalIp, young, &a),
            Rank::of(FrontendKind::ExternalIp, young, &b),
            Rank::of(FrontendKind::NodePort, old, &a),
        ];
        assert!(ranks.is_sorted(), "{ranks:?}");
        let why = |first: usize| ranks[first].precedence(ranks[first + 1]);
        assert_eq!(why(0), "a cluster IP goes before a load-balancer IP");
        assert_eq!([1, 2, 4].map(why), ["its Service is the oldest"; 3]);
        assert_eq!(why(3), "a load-balancer IP goes before an external IP");
        assert_eq!(why(5), "it comes first by name");
    }

    #[test]
    fn an_age_that_cannot_be_told_is_the_nearest_that_can_and_none_is_younger_than_all() {
        let times = [i64::MIN, -1, 0, 1, i64::from(u32::MAX), i64::MAX].map(CreationTime::at);
        assert!(times.is_sorted() && times.iter().all(|time| *time < CreationTime::UNKNOWN), "{times:?}");
        assert_eq!((times[0], times[3] > times[2]), (times[2], true));
    }
}
