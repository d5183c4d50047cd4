//! What does an operator see of the data plane?

pub(crate) mod close_reason;
pub(crate) mod connection_log;
pub(crate) mod log_limiter;
pub(crate) mod logged;
pub(crate) mod metric_families;
pub(crate) mod metrics;
