//! What does a new flow from somewhere to a frontend get?

mod endpoint_use;
pub mod guards;
mod list_rule;
mod node_ports;
mod pods;
mod shortage;
mod source;
mod source_ports;
mod traffic;
pub mod verdict;

pub use endpoint_use::{EndpointUse, Unused};
pub use list_rule::ListRule;
pub use node_ports::{Localhost, NodePortAddresses, NodePortChoice};
pub use pods::Pods;
pub use shortage::Shortage;
pub use source::{SourceRules, is_hairpin};
pub use source_ports::{NotAPortRange, PortRange, SourcePorts};
pub use traffic::{Audience, Traffic, Verdict};
