//! How does an operator see numbers?

mod endpoint_counts;
mod exporter;
mod families;
mod labels;
mod live_series;
mod no_local_endpoints;
mod process;
mod propagation;
mod scrape;
mod selection;
mod service_series;
mod sync;
mod text;
mod upkeep;

#[cfg(test)]
pub(crate) use exporter::recorder;
pub(crate) use exporter::{Exporter, install};
pub(crate) use families::{
    CONNECTION_LOG_LINES, CONNECTION_LOG_LOST, HEALTH_CHECK_FAILURES, HEALTH_CHECK_PORTS, HEALTHZ, LIVEZ,
};
pub use families::{METRIC_FAMILIES, all_families};
pub(crate) use no_local_endpoints::show as show_no_local_endpoints;
pub(crate) use propagation::measure as measure_propagation;
pub(crate) use scrape::Sources;
pub(crate) use selection::{SeriesLimits, ServicePattern};
pub(crate) use sync::measure as measure_sync;
pub(crate) use upkeep::upkeep;
