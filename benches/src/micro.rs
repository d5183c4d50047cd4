//! What do the criterion benchmarks measure, and for how long?

mod cluster;
mod node_mode;
mod one_core;
mod picks;
mod sizes;
mod weir;

pub use cluster::Cluster;
pub use node_mode::NodeMode;
pub use picks::Picks;
pub use sizes::{LARGE, SERVICES, sizes};
pub use weir::{PATIENCE, Weir};

use criterion::Criterion;
use std::time::Duration;

/// Criterion with settings for short runs on one core: all benchmarks together stay below three minutes. To be called before
/// threads are started.
pub fn criterion() -> Criterion {
    one_core::stay();
    Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .nresamples(10_000)
        .configure_from_args()
}
