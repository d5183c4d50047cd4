//! What does a proxy have to know of one port of a Service?

use crate::model::{CreationTime, Endpoint, EndpointSet, Family, PortKey, Settings};
use ipnet::IpNet;
use std::{collections::HashSet, net::IpAddr, num::NonZeroU16, sync::Arc, time::Duration};

/// One port of one Service in one family, with everything that a proxy needs to serve its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// The identity of the port.
    pub key: PortKey,
    /// When the Service was created.
    pub created: CreationTime,
    /// The family of all addresses of this port and its endpoints.
    pub family: Family,
    /// The cluster IP of this family.
    pub cluster_ip: IpAddr,
    /// The port number on the cluster IP, external IPs and load-balancer IPs.
    pub port: NonZeroU16,
    /// The port number on addresses of nodes; `None` without one.
    pub node_port: Option<NonZeroU16>,
    /// External IPs, in spec order.
    pub external_ips: Box<[IpAddr]>,
    /// Load-balancer IPs, in status order.
    pub load_balancer_ips: Box<[IpAddr]>,
    /// Networks whose clients may use the load-balancer IPs; empty means all (semantics A5).
    pub source_ranges: Box<[IpNet]>,
    /// Whether internalTrafficPolicy is Local (semantics P1).
    pub internal_local: bool,
    /// Whether externalTrafficPolicy is Local and counts (semantics P5).
    pub external_local: bool,
    /// The idle time-out of ClientIP affinity; `None` without affinity (semantics F1).
    pub affinity: Option<Duration>,
    /// The settings of the Service.
    pub settings: Arc<Settings>,
    /// All merged endpoints, eligible or not, sorted by the text `ip:port`.
    pub merged: Arc<[Endpoint]>,
    /// Endpoints for cluster-wide traffic; `None` when no traffic uses them.
    pub cluster: Option<EndpointSet>,
    /// Endpoints for node-local traffic; `None` when no traffic uses them.
    pub local: Option<EndpointSet>,
    /// Whether a usable endpoint exists anywhere in the cluster (semantics R5).
    pub has_any: bool,
}

impl ServicePort {
    /// Endpoints that are reachable through this node: the union of the lists in use (semantics R6).
    pub fn reachable(&self) -> EndpointSet {
        let wanted: HashSet<_> =
            self.cluster.iter().chain(&self.local).flat_map(EndpointSet::iter).map(|e| e.address).collect();
        EndpointSet::select(&self.merged, |endpoint| wanted.contains(&endpoint.address))
    }
}
