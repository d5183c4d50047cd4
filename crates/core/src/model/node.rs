//! On which node does this proxy run?

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, sync::Arc};

/// The node of this proxy: the fields of its Node object that decide anything (semantics S7, A4, Z2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The name. Endpoints with this `nodeName` are local (semantics P4); with an empty name none is.
    pub name: Arc<str>,
    /// The label `topology.kubernetes.io/zone`; `None` when absent or empty (semantics T3).
    pub zone: Option<Arc<str>>,
    /// Addresses of type InternalIP in `status.addresses`.
    pub internal_ips: Vec<IpAddr>,
    /// Networks in `spec.podCIDRs`.
    pub pod_cidrs: Vec<IpNet>,
    /// Whether the Node object was seen yet.
    pub known: bool,
    /// Whether load balancers should stop using the node, because it is being deleted or removed by the autoscaler (semantics
    /// Z2).
    pub leaving: bool,
}

impl Node {
    /// A node of which only the name is known.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Whether an endpoint with this `nodeName` runs here (semantics P4: exact, case-sensitive, never when empty).
    pub fn is_local(&self, node_name: Option<&str>) -> bool {
        !self.name.is_empty() && node_name == Some(&*self.name)
    }
}
