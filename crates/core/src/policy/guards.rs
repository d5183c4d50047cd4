//! Which addresses may be neither frontends nor endpoints?
//!
//! Without guards an author of an EndpointSlice could make weir connect to what listens only on this node's loopback or on its
//! links, such as the metadata service of a cloud at 169.254.169.254. An API server refuses most of these addresses itself
//! (`ValidateNonSpecialIP` in Kubernetes' `pkg/apis/core/validation`); weir does not rely on it.

mod endpoints;
mod node_ports;
mod objects;
mod own_addresses;
mod refusal;
mod virtual_ips;

use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};

pub use endpoints::METADATA_SERVICES;
pub use node_ports::guard_node_ports;
pub(crate) use objects::refused_endpoints;
pub use objects::{Refused, Role, guard_service, guard_slice};
pub use own_addresses::OwnAddresses;
pub use refusal::Refusal;
pub use virtual_ips::{Holder, VirtualIps};

/// What guards refuse besides special addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardRules {
    /// External IPs and load-balancer IPs that may be frontends.
    pub virtual_ips: VirtualIps,
    /// Networks whose addresses are never dialled as endpoints.
    pub refused_endpoints: Vec<IpNet>,
    /// Addresses of this host's interfaces, as far as they are known.
    pub host: BTreeSet<IpAddr>,
    /// Whether any endpoint may be at an address of this node.
    pub allow_node_endpoints: bool,
}
