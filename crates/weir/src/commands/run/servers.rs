//! Who answers probes and operators while weir runs?

use crate::{
    cli::RunOptions,
    http::{
        Probes,
        admin::{self, Admin, Metrics},
    },
    metrics::{self, Exporter},
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weir_core::Snapshot;

/// Servers for probes and operators, and the upkeep of metrics.
pub(super) struct Servers {
    stop: CancellationToken,
    tasks: TaskTracker,
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
        if let Some(address) = options.health_address {
            tasks.spawn(probes.clone().serve(address, accompanied.clone(), stop.clone()));
        }
        if let Some(address) = options.admin_address {
            let metrics = Metrics { recorded: exporter.handle.clone(), served };
            let admin = Admin { metrics, in_node_mode: options.node.is_some() };
            tasks.spawn(admin::serve(address, accompanied.clone(), admin, stop.clone()));
        }
        tasks.spawn(metrics::upkeep(exporter, stop.clone()));
        tasks.close();
        Ok(Self { stop, tasks })
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
