//! Who answers probes and operators while weir runs?

use crate::{
    cli::RunOptions,
    http::{
        Probes,
        admin::{self, Admin},
    },
    metrics::{self, Exporter, Sources},
};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weir_core::Snapshot;
use weir_proxy::Readings;

/// Servers for probes and operators, and the upkeep of metrics.
pub(super) struct Servers {
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Counts of the data plane, once it has started.
    readings: Arc<OnceLock<Readings>>,
}

impl Servers {
    pub(super) fn start(
        options: &RunOptions,
        probes: &Probes,
        accompanied: &watch::Receiver<bool>,
        served: watch::Receiver<Snapshot>,
        exporter: Exporter,
    ) -> anyhow::Result<Self> {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let readings = Arc::<OnceLock<Readings>>::default();
        if let Some(address) = options.health_address {
            tasks.spawn(probes.clone().serve(address, accompanied.clone(), stop.clone()));
        }
        if let Some(address) = options.admin_address {
            let metrics = Sources {
                recorded: exporter.handle.clone(),
                served,
                readings: Arc::clone(&readings),
                limits: options.series_limits.clone(),
            };
            let admin = Admin { metrics, in_node_mode: options.node.is_some() };
            tasks.spawn(admin::serve(address, accompanied.clone(), admin, stop.clone()));
        }
        tasks.spawn(metrics::upkeep(exporter, stop.clone()));
        tasks.close();
        Ok(Self { stop, tasks, readings })
    }

    /// Shows what the data plane counts from now on.
    pub(super) fn show(&self, readings: Readings) {
        let _ = self.readings.set(readings);
    }

    /// Closes the ports at once; answers under way are given. To be followed by [`Self::stop`].
    pub(super) fn release(&self) {
        self.stop.cancel();
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}
