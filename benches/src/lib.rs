//! What do the benchmarks, the comparison and the measurements at scale share?

mod arguments;
pub mod isolation;
pub mod machine;
mod micro;
mod parameters;
pub mod program;
pub mod report;
pub mod usage;

pub use arguments::ProgramArguments;
pub use micro::{Cluster, LARGE, NodeMode, PATIENCE, Picks, SERVICES, Weir, criterion, sizes};
pub use parameters::allow_many_connections;
