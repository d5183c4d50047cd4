//! How are the reports of the comparison and of the measurements at scale shown?

pub mod chart;
mod output;
mod statistics;
pub mod table;

pub use output::Output;
pub use statistics::{median, percentile};
