//! Which endpoint does a new flow get?

mod affinity;
mod avoided;
mod balancer;
mod candidates;
mod least_connections;
mod maglev;
pub mod nearby;
mod peak_ewma;
mod random;
mod round_robin;
mod target;

pub use affinity::Memory;
pub use balancer::Balancer;
pub use target::{Request, Target};
