//! What does an operator see of the data plane?

pub(crate) mod close_reason;
pub(crate) mod connection_log;
pub(crate) mod details;
pub(crate) mod endpoint_reading;
pub(crate) mod histogram;
pub(crate) mod log_limiter;
pub(crate) mod metric_families;
pub(crate) mod metrics;
pub(crate) mod port_directory;
pub(crate) mod port_families;
pub(crate) mod port_metrics;
pub(crate) mod port_series;
pub(crate) mod readings;
pub(crate) mod totals;
