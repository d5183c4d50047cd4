//! Who answers probes and operators while weir runs?

use crate::{
    admin::{AdminServer, Knowledge},
    cli::RunOptions,
    http::{Closing, Probes},
    metrics::{self, Exporter},
};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Servers for probes and operators, and the upkeep of metrics.
pub(super) struct Servers {
    closing: Closing,
    tasks: TaskTracker,
    admin: AdminServer,
}

impl Servers {
    pub(super) fn start(
        options: &RunOptions,
        probes: &Probes,
        accompanied: &watch::Receiver<bool>,
        (knowledge, exporter): (&Knowledge, Exporter),
    ) -> anyhow::Result<Self> {
        let (closing, tasks) = (knowledge.closing().clone(), TaskTracker::new());
        if let Some(address) = options.health_address {
            tasks.spawn(probes.clone().serve(address, accompanied.clone(), closing.listening()));
        }
        tasks.spawn(metrics::upkeep(exporter, closing.told()));
        tasks.close();
        let admin = AdminServer::start(options.admin.clone(), accompanied.clone(), knowledge.clone())?;
        Ok(Self { closing, tasks, admin })
    }

    /// Closes the ports; returns when they are closed. Answers under way are given. To be followed by [`Self::stop`].
    pub(super) async fn release(&self) {
        self.closing.close().await;
    }

    pub(super) async fn stop(self) {
        self.release().await;
        self.tasks.wait().await;
        self.admin.ended().await;
    }
}
