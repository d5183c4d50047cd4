//! How does another thread read what the data plane counts, without asking it?

use super::{details::Details, port_directory::PortDirectory, port_series::PortSeries};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::RuntimeMetrics;

/// Counts of the data plane, to be read at any time from any thread; reading them costs the data plane nothing.
#[derive(Clone, Debug)]
pub struct Readings {
    ports: Arc<PortDirectory>,
    workers: Arc<[RuntimeMetrics]>,
    details: Details,
}

impl Readings {
    pub(crate) fn new(ports: Arc<PortDirectory>, workers: Arc<[RuntimeMetrics]>) -> Self {
        Self { ports, workers, details: Details::default() }
    }

    /// Series of the Service ports in use: those with a client or a check since weir began, that first that was in use
    /// first. A port that is gone is left out some seconds later.
    pub fn ports(&self) -> Vec<Arc<PortSeries>> {
        self.ports.list(Instant::now())
    }

    /// Switch for those who want to see single endpoints, shared by all clones of this.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Time for which each worker has worked, and not waited for events, since it began.
    pub fn busy_times(&self) -> impl Iterator<Item = Duration> {
        self.workers.iter().map(|worker| worker.worker_total_busy_duration(0))
    }
}
