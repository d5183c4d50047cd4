//! What must a Kubernetes Service proxy do? The pure answer: no sockets, no clock, no randomness, no threads.
//!
//! Data flows through the folders in this order:
//!
//! ```text
//! Service + EndpointSlices + Node                                                                          model
//!   -> merge     which endpoints does a port have?                                                         resolve
//!   -> eligible  which of them may receive a new flow, and why not the others?
//!   -> serve     what does this node serve for the Service?
//!   -> snapshot  everything this node serves, and what differs between two generations
//!   -> verdict   what does a flow get: an endpoint, a refusal, silence, or nothing?                        policy
//!   -> balancer  which endpoint does a flow get?                                                           balance
//! ```
//!
//! Beside them: how an endpoint is doing (`health`), who is refused or has to wait (`limits`), and when a TCP connection is
//! tried and ended (`tcp`).
//!
//! Time, chance and load are arguments, so a test can say exactly what happens.

mod balance;
mod health;
mod limits;
mod metric_family;
mod model;
mod policy;
mod resolve;
mod tcp;

pub use balance::{Balancer, Memory, Request, Target, nearby};
pub use health::{Checked, FAILURES, Failure, Health, Lease, Load, Smoothed, Standings};
pub use limits::{Backoff, OldestIdle, Queue, Quota, RateLimiter, Waiting, share};
pub use metric_family::{MetricFamily, MetricKind, MetricUnit};
pub use model::{
    ActiveCheck, BridgeNetwork, Bridges, Capabilities, Capability, CapturePorts, CaptureSockets, Conditions,
    Endpoint, EndpointRemoved, EndpointSet, EndpointSlice, Family, Flow, Frontend, FrontendKind,
    HALF_CLOSED_TIMEOUT, Hints, Limits, Node, NotARatio, Origin, PerFamily, Policy, PortKey, PortSpec,
    Protocol, ProxyProtocol, Ratio, Service, ServiceKey, Settings, SliceEndpoint, SlicePort, UnknownPolicy,
    UnknownProtocol, address,
};
pub use policy::{
    Audience, Localhost, NodePortAddresses, Pods, SourceRules, Traffic, Verdict, guards, is_hairpin, verdict,
};
pub use resolve::{
    Changes, Claim, Claimant, Claims, Eligibility, HealthCheck, Rank, Reason, Resolved, ResolvedFamily,
    ResolvedHealthCheck, ResolvedPort, ServedService, ServicePort, SharedMap, Snapshot, claims, serve,
    serve_fixed,
};
pub use tcp::{dial, dial::Dial, ending};
