//! Which addresses may be neither frontends nor endpoints?
//!
//! Without guards an author of an EndpointSlice could make weir connect to what listens only on this node's loopback or on its
//! links, such as the metadata service of a cloud at 169.254.169.254. An API server refuses most of these addresses itself
//! (`ValidateNonSpecialIP` in Kubernetes' `pkg/apis/core/validation`); weir does not rely on it.

mod endpoints;
mod external_ips;
mod node_ports;
mod objects;
mod refusal;

use ipnet::IpNet;

pub use endpoints::METADATA_SERVICES;
pub use external_ips::{ExternalIps, Holder};
pub use node_ports::guard_node_ports;
pub use objects::{Refused, Role, guard_service, guard_slice};
pub use refusal::Refusal;

/// What guards refuse besides special addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardRules {
    /// External IPs that may be frontends.
    pub external_ips: ExternalIps,
    /// Networks whose addresses are never dialled as endpoints.
    pub refused_endpoints: Vec<IpNet>,
}
