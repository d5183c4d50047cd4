//! What does a proxy have to know of one port of a Service?

use crate::model::{Endpoint, EndpointSet, Family, PortKey, Settings};
use ipnet::IpNet;
use std::{collections::HashSet, net::IpAddr, num::NonZeroU16, sync::Arc, time::Duration};

/// One port of one Service in one family, with everything a proxy needs to serve it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its identity.
    pub key: PortKey,
    /// The family of all addresses in here.
    pub family: Family,
    /// The cluster IP.
    pub cluster_ip: IpAddr,
    /// The port on cluster IP, external IPs and load-balancer IPs.
    pub port: NonZeroU16,
    /// The node port.
    pub node_port: Option<NonZeroU16>,
    /// External IPs, in spec order.
    pub external_ips: Box<[IpAddr]>,
    /// Load-balancer IPs, in status order.
    pub load_balancer_ips: Box<[IpAddr]>,
    /// Who may use the load-balancer IPs; empty means everybody.
    pub source_ranges: Box<[IpNet]>,
    /// Effective internalTrafficPolicy Local.
    pub internal_local: bool,
    /// Effective externalTrafficPolicy Local.
    pub external_local: bool,
    /// ClientIP affinity and its idle time-out.
    pub affinity: Option<Duration>,
    /// The Service's settings.
    pub settings: Arc<Settings>,
    /// All merged endpoints, eligible or not, sorted by the text `ip:port`.
    pub merged: Arc<[Endpoint]>,
    /// Endpoints for cluster-wide traffic; `None` when no traffic uses them.
    pub cluster: Option<EndpointSet>,
    /// Endpoints for node-local traffic; `None` when no traffic uses them.
    pub local: Option<EndpointSet>,
    /// Whether a usable endpoint exists anywhere in the cluster.
    pub has_any: bool,
}

impl ServicePort {
    /// Everything reachable through this node: the union of the lists in use (semantics R6).
    pub fn reachable(&self) -> EndpointSet {
        let wanted: HashSet<_> =
            self.cluster.iter().chain(&self.local).flat_map(EndpointSet::iter).map(|e| e.address).collect();
        EndpointSet::select(&self.merged, |endpoint| wanted.contains(&endpoint.address))
    }
}
