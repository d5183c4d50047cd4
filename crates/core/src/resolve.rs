//! What follows from Services and EndpointSlices on this node?

mod claims;
mod eligible;
mod merge;
mod overrides;
mod rank;
mod report;
mod service;
mod service_port;
mod shared_map;
mod snapshot;
mod steered;

pub use claims::{Claim, Claims, claims};
pub(crate) use eligible::{ClusterRule, LocalRule};
pub use eligible::{Eligibility, Ineligible};
pub use overrides::{Override, Overrides, TooManyOverrides};
pub use rank::{Claimant, Rank};
pub use report::{FamilyReport, HealthCheckReport, PortReport, ResolveReport};
pub use service::{HealthCheck, ResolvedService, resolve, resolve_static, resolve_steered};
pub use service_port::ServicePort;
pub use shared_map::SharedMap;
pub use snapshot::{Changes, Snapshot};
pub use steered::{NotSteered, Steered};
