//! What do the benchmarks, the comparison and the measurements at scale share?

pub mod isolation;
pub mod machine;
mod micro;
pub mod program;
pub mod usage;

pub use micro::{Cluster, LARGE, NodeMode, PATIENCE, Picks, SERVICES, Weir, criterion, sizes};
