//! What follows on this node from Services and EndpointSlices?

mod claims;
mod eligible;
mod merge;
mod resolved;
mod serve;
mod shared_map;
mod snapshot;

pub use claims::{Claim, Claimant, Claims, Rank, claims};
pub(crate) use eligible::{ClusterRule, LocalRule};
pub use eligible::{Eligibility, Reason};
pub use resolved::{Resolved, ResolvedFamily, ResolvedHealthCheck, ResolvedPort};
pub use serve::{HealthCheck, ServedService, ServicePort, serve, serve_fixed};
pub use shared_map::SharedMap;
pub use snapshot::{Changes, Snapshot};
