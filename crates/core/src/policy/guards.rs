//! Which addresses may be neither frontends nor endpoints?
//!
//! Without guards an author of an EndpointSlice could make weir connect to what listens only on this node's loopback or on its
//! links, such as the metadata service of a cloud at 169.254.169.254. An API server refuses most of these addresses itself
//! (`ValidateNonSpecialIP` in Kubernetes' `pkg/apis/core/validation`); weir does not rely on it.

mod external_ips;
mod objects;
mod refusal;

pub use external_ips::{ExternalIps, Holder};
pub use objects::{Refused, Role, guard_service, guard_slice};
pub use refusal::Refusal;
