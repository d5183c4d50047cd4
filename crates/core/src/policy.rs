//! What does a new flow get at a frontend, and on whose behalf?

pub mod guards;
mod node_ports;
mod pods;
mod source;
mod traffic;
pub mod verdict;

pub use node_ports::{Localhost, NodePortAddresses};
pub use pods::Pods;
pub use source::{SourceRules, is_hairpin};
pub use traffic::{Audience, Traffic, Verdict};
