//! How does an operator see numbers?

mod endpoint_counts;
mod exporter;
mod families;
mod live_series;
mod no_local_endpoints;
mod propagation;
mod scrape;
mod upkeep;

#[cfg(test)]
#[cfg(test)]
pub(crate) use exporter::recorder;
pub(crate) use exporter::{Exporter, install};
pub(crate) use families::{HEALTH_CHECK_FAILURES, HEALTH_CHECK_PORTS, HEALTHZ, LIVEZ};
pub use families::{METRIC_FAMILIES, all_families};
pub(crate) use no_local_endpoints::show as show_no_local_endpoints;
pub(crate) use propagation::measure as measure_propagation;
pub(crate) use scrape::render;
pub(crate) use upkeep::upkeep;
