//! Where does the data plane count what belongs to no Service port?

use metrics::{Counter, Gauge, Histogram};
use std::sync::Arc;

/// Metrics of the data plane that belong to no Service port.
#[derive(Debug)]
pub(crate) struct ProcessMetrics {
    /// Accepts that failed, for want of descriptors or memory.
    pub(crate) accept_errors: Counter,
    /// Seconds that it took to apply a Snapshot.
    pub(crate) sync_duration: Histogram,
    /// Unix time at which a Snapshot was last applied, in seconds.
    pub(crate) last_sync: Gauge,
    /// TCP connections that there may be.
    connections_limit: Gauge,
    /// Descriptors that the data plane may have open.
    descriptors_limit: Gauge,
    /// Descriptors that the data plane has open.
    pub(crate) descriptors_used: Gauge,
    /// Bytes that relays have read and cannot write yet.
    pub(crate) relay_memory: Gauge,
}

impl ProcessMetrics {
    pub(crate) fn register() -> Arc<Self> {
        Arc::new(Self {
            accept_errors: metrics::counter!("weir_accept_errors_total"),
            sync_duration: metrics::histogram!("weir_sync_duration_seconds"),
            last_sync: metrics::gauge!("weir_sync_last_timestamp_seconds"),
            connections_limit: metrics::gauge!("weir_connections_limit"),
            descriptors_limit: metrics::gauge!("weir_descriptors_limit"),
            descriptors_used: metrics::gauge!("weir_descriptors_used"),
            relay_memory: metrics::gauge!("weir_relay_memory_bytes"),
        })
    }

    /// Sets the gauges of limits.
    pub(crate) fn set_limits(&self, connections: usize, descriptors: usize) {
        self.connections_limit.set(connections as f64);
        self.descriptors_limit.set(descriptors as f64);
    }
}

/// Gauges of the number of frontends in each state.
#[derive(Debug)]
pub(crate) struct FrontendGauges {
    listening: Gauge,
    failed: Gauge,
    no_endpoints: Gauge,
}

impl FrontendGauges {
    pub(crate) fn register() -> Self {
        let of = |state: &'static str| metrics::gauge!("weir_frontends", "state" => state);
        Self { listening: of("listening"), failed: of("failed"), no_endpoints: of("no_endpoints") }
    }

    /// Sets the number of frontends in each state.
    pub(crate) fn set(&self, listening: usize, failed: usize, no_endpoints: usize) {
        self.listening.set(listening as f64);
        self.failed.set(failed as f64);
        self.no_endpoints.set(no_endpoints as f64);
    }
}
