//! What must a Kubernetes Service proxy do? The pure answer: no sockets, no clock, no randomness, no threads.
//!
//! ```text
//! Service, EndpointSlices, Node          what Kubernetes says                                              model
//!   -> merge          which endpoints does each port have?                                                 resolve
//!   -> eligible       which of them may receive new flows, and why not the others?
//!   -> resolve        what does this node serve for the Service?
//!   -> Snapshot       what does this node serve as a whole, and what differs between two generations?
//!   -> guards         which addresses may be neither frontends nor endpoints?                              policy
//!   -> Traffic        which list of endpoints does a new flow choose from?
//!   -> EndpointUse    which endpoints does a Service port use, and why not the others?
//!   -> verdict        what does a new flow get: an endpoint, a refusal, silence, or nothing?
//!   -> Balancer       which endpoint does it get?                                                          balance
//!   -> Load           how busy is that endpoint, and does it work?                                         health
//! ```
//!
//! Two folders answer what a proxy asks beside that: `limits` (who is refused, who waits, how long, how far packets may go, and which flow ends first)
//! and `tcp` (when a connection tries the next endpoint, and when the proxy ends one). Imports go one way:
//!
//! ```text
//! model <- resolve <- policy
//! model, limits <- health <- balance
//! model, limits <- tcp
//! ```
//!
//! The rules that are cited as "semantics R5" are in `docs/semantics.md` of the repository, each with its source.
//!
//! Time, chance and load are arguments, so that a test can say exactly what happens: [`Balancer::pick`] is given the time and
//! 64 random bits, [`ConnectSchedule`] the time of each event, [`Backoff`] the count of failures.
//!
//! Every item has one path: types and functions are imported from the crate root, and items whose names need their topic from
//! one of the modules below.

mod balance;
mod health;
mod limits;
mod metric_family;
mod model;
mod policy;
mod resolve;
mod tcp;

pub use balance::{AffinityEntry, Balancer, Request, Target, topology};
pub use health::{
    ConnectFailure, ConnectTime, Health, HealthChanges, HealthTracker, Journal, Lease, Line, Load,
    MAX_END_AT_ONCE, MIN_FAILURES_TO_EJECT, Unserved,
};
pub use limits::{Backoff, HopLimit, OldestIdle, Queue, QueuePosition, Quota, RateLimiter, fair_share};
pub use metric_family::{MetricFamily, MetricKind, MetricUnit};
pub use model::{
    ActiveCheck, BridgeNetwork, Bridges, Capabilities, Capability, CapturePorts, CaptureSockets, Conditions,
    CreationTime, Endpoint, EndpointRemoved, EndpointSet, EndpointSlice, Family, Flow, Frontend,
    FrontendKind, Hints, LAST_BRIDGED_SERVER_PORT, Limits, NoLocalEndpoints, Node, NotARatio, Origin,
    PerFamily, Policy, PortKey, PortSpec, Printable, Protocol, ProxyProtocol, Ratio, Service, ServiceKey,
    Settings, SliceEndpoint, SlicePort, UnknownPolicy, UnknownProtocol, address, is_unprintable,
};
pub use policy::{
    Audience, EndpointUse, ListRule, Localhost, NodePortAddresses, NodePortChoice, NotAPortRange, Pods,
    PortRange, Shortage, SourcePorts, SourceRules, Traffic, Unused, Verdict, guards, is_hairpin, verdict,
};
pub use resolve::{
    Changes, Claim, Claimant, Claims, Eligibility, FamilyReport, HealthCheck, HealthCheckReport, Ineligible,
    PortReport, Rank, ResolveReport, ResolvedService, ServicePort, SharedMap, Snapshot, claims, resolve,
    resolve_static,
};
pub use tcp::{
    ConnectSchedule, ConnectStep, Liveness, MAX_CONNECT_ATTEMPTS, MAX_RACING_ATTEMPTS, PeerReport,
    PeerVerdict, termination,
};
