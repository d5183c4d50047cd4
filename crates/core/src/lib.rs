//! What must a Kubernetes Service proxy do? The pure answer: no sockets, no clock, no randomness, no threads.
//!
//! Data flows through the modules in this order:
//!
//! ```text
//! Service + EndpointSlices + Node
//!   -> merge     which endpoints does a port have?
//!   -> eligible  which of them may receive a new flow, and why not the others?
//!   -> serve     what does this node serve for the Service?
//!   -> snapshot  everything this node serves, and what differs between two generations
//!   -> verdict   what does a flow get: an endpoint, a refusal, silence, or nothing?
//!   -> balance   which endpoint does a flow get?
//! ```
//!
//! Time, chance and load are arguments, so a test can say exactly what happens.

pub mod address;
pub mod affinity;
pub mod balance;
pub mod check;
pub mod dial;
pub mod eligible;
pub mod ending;
pub mod endpoint;
pub mod family;
pub mod flow;
pub mod frontend;
pub mod guards;
pub mod idle;
pub mod limits;
pub mod load;
pub mod merge;
mod metric_family;
pub mod nearby;
pub mod node;
pub mod node_ports;
pub mod outlier;
pub mod pods;
pub mod queue;
pub mod rate;
pub mod ratio;
pub mod resolved;
pub mod serve;
pub mod service;
pub mod settings;
pub mod shared_map;
pub mod smoothed;
pub mod snapshot;
pub mod source;
pub mod stale;
pub mod traffic;
pub mod verdict;

pub use affinity::Memory;
pub use balance::{Balancer, Request, Target};
pub use dial::Dial;
pub use endpoint::{Endpoint, EndpointSet, EndpointSlice};
pub use family::{Family, PerFamily};
pub use flow::Flow;
pub use frontend::{Claim, Claimant, Claims, Frontend, Rank};
pub use load::{Lease, Load, Standings};
pub use metric_family::{MetricFamily, MetricKind, MetricUnit};
pub use node::Node;
pub use node_ports::NodePortAddresses;
pub use pods::Pods;
pub use rate::Rate;
pub use ratio::Ratio;
pub use serve::{HealthCheck, ServedService, ServicePort};
pub use service::{PortKey, Protocol, Service, ServiceKey};
pub use settings::{Policy, Settings};
pub use shared_map::SharedMap;
pub use snapshot::{Changes, Snapshot};
pub use source::SourceRules;
pub use traffic::{Audience, FrontendKind, Origin, Traffic, Verdict};
