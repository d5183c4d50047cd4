//! How does an operator see numbers?

mod endpoint_counts;
mod exporter;
mod no_local_endpoints;
mod propagation;

pub(crate) use endpoint_counts::render as render_endpoint_counts;
#[cfg(test)]
pub(crate) use exporter::recorder;
pub(crate) use exporter::{install, upkeep};
pub(crate) use no_local_endpoints::show as show_no_local_endpoints;
pub(crate) use propagation::measure as measure_propagation;
