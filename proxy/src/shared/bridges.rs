//! How does the data plane hear of bridges that come and go? (node mode)

use tokio::sync::{mpsc, oneshot};
use weir_core::Bridges;

/// Bridges of this host, on their way to the reconciler.
#[derive(Debug)]
pub(crate) struct BridgeUpdate {
    pub(crate) bridges: Bridges,
    /// Answered once frontends are served accordingly.
    pub(crate) done: oneshot::Sender<()>,
}

/// Sends the bridges of this host to a running [`Proxy`](crate::Proxy).
#[derive(Clone, Debug)]
pub struct SetBridges(mpsc::Sender<BridgeUpdate>);

impl SetBridges {
    /// Creates a connected pair of sender and receiver.
    pub(crate) fn new() -> (Self, mpsc::Receiver<BridgeUpdate>) {
        let (sender, updates) = mpsc::channel(1);
        (Self(sender), updates)
    }

    /// Sends the bridges of this host; resolves when frontends are open, or closed, accordingly, and at once if the
    /// proxy has ended.
    pub async fn set(&self, bridges: Bridges) {
        let (done, answer) = oneshot::channel();
        if self.0.send(BridgeUpdate { bridges, done }).await.is_ok() {
            let _ = answer.await;
        }
    }
}
