//! What do Kubernetes, an operator and the host say? Plain values.

pub mod address;
mod bridges;
mod capabilities;
mod capture_sockets;
mod endpoint;
mod family;
mod flow;
mod frontend;
mod node;
mod printable;
mod ratio;
mod service;
mod settings;
mod weight;

pub use bridges::{BridgeNetwork, Bridges, LAST_BRIDGED_SERVER_PORT};
pub use capabilities::{Capabilities, Capability};
pub use capture_sockets::{CapturePorts, CaptureSockets};
pub use endpoint::{Conditions, Endpoint, EndpointSet, EndpointSlice, Hints, SliceEndpoint, SlicePort};
pub use family::{Family, PerFamily};
pub use flow::Flow;
pub(crate) use flow::{address_bytes, stable_hasher};
pub use frontend::{Frontend, FrontendKind, Origin};
pub use node::Node;
pub use printable::{Printable, is_unprintable};
pub use ratio::{NotARatio, Ratio};
pub use service::{CreationTime, PortKey, PortSpec, Protocol, Service, ServiceKey, UnknownProtocol};
pub use settings::{
    ActiveCheck, EndpointRemoved, Limits, NoLocalEndpoints, Policy, ProxyProtocol, Settings, UnknownPolicy,
};
pub use weight::{NotAWeight, Overridden, Weight};
