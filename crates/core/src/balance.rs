//! Which endpoint does a new flow get? One file for each algorithm.

mod affinity;
mod balancer;
mod candidates;
mod exclusion;
mod least_connections;
mod maglev;
mod odds;
mod peak_ewma;
mod random;
mod round_robin;
mod target;
pub mod topology;

pub use affinity::AffinityEntry;
pub use balancer::Balancer;
pub use target::{Request, Target};
