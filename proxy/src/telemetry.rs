//! What does an operator see of the data plane?

pub(crate) mod close_reason;
pub(crate) mod log_limiter;
pub(crate) mod metric_families;
pub(crate) mod metrics;
pub(crate) mod totals;
