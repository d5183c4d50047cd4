//! What follows from Services and EndpointSlices on this node?

mod claims;
mod eligible;
mod merge;
mod rank;
mod report;
mod service;
mod service_port;
mod shared_map;
mod snapshot;

pub use claims::{Claim, Claims, claims};
pub(crate) use eligible::{ClusterRule, LocalRule};
pub use eligible::{Eligibility, Ineligible};
pub use rank::{Claimant, Rank};
pub use report::{FamilyReport, HealthCheckReport, PortReport, ResolveReport};
pub use service::{HealthCheck, ResolvedService, resolve, resolve_static};
pub use service_port::ServicePort;
pub use shared_map::SharedMap;
pub use snapshot::{Changes, Snapshot};
