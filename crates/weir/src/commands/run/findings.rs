//! How does the control plane learn what the data plane finds wrong with Services?

use tokio::sync::watch;
use weir_control::ServiceFindings;
use weir_core::Findings;

/// Tells the control plane of every change of what is found wrong; never ends.
pub(super) async fn follow_findings(told: ServiceFindings, mut found: watch::Receiver<Findings>) {
    while found.changed().await.is_ok() {
        let now = found.borrow_and_update().clone();
        told.set(now).await;
    }
    std::future::pending().await
}
