//! Who answers probes and operators while weir runs?

use crate::{
    admin::{AdminServer, Knowledge},
    cli::RunOptions,
    http::Probes,
    metrics::{self, Exporter},
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Servers for probes and operators, and the upkeep of metrics.
pub(super) struct Servers {
    stop: CancellationToken,
    tasks: TaskTracker,
    admin: AdminServer,
    end_admin: CancellationToken,
}

impl Servers {
    pub(super) fn start(
        options: &RunOptions,
        probes: &Probes,
        accompanied: &watch::Receiver<bool>,
        (knowledge, exporter): (&Knowledge, Exporter),
    ) -> anyhow::Result<Self> {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        if let Some(address) = options.health_address {
            tasks.spawn(probes.clone().serve(address, accompanied.clone(), stop.clone()));
        }
        tasks.spawn(metrics::upkeep(exporter, stop.clone()));
        tasks.close();
        let admin = AdminServer::start(options.admin.clone(), accompanied.clone(), knowledge.clone())?;
        Ok(Self { stop, tasks, admin, end_admin: knowledge.stop().clone() })
    }

    /// Closes the ports at once; answers under way are given. To be followed by [`Self::stop`].
    pub(super) fn release(&self) {
        self.stop.cancel();
        self.end_admin.cancel();
    }

    pub(super) async fn stop(self) {
        self.release();
        self.tasks.wait().await;
        self.admin.ended().await;
    }
}
