//! What does the data plane do while one weir hands over to another?

use super::Reconciler;
use crate::shared::hand_over::HandOverRequest;

impl Reconciler {
    /// Does what a hand-over between two weirs asks for.
    pub(crate) async fn hand_over(&mut self, request: HandOverRequest) {
        match request {
            HandOverRequest::Pass { done } => drop(done.send(self.sockets.pass().await)),
            HandOverRequest::Resume { done } => {
                self.sockets.resume().await;
                let _ = done.send(());
            }
            HandOverRequest::Inherit { sockets, done } => {
                self.sockets.inherit(sockets);
                let _ = done.send(());
            }
            HandOverRequest::SetAccompanied { accompanied } => {
                self.set_accompanied(accompanied);
            }
        }
    }

    /// Sets whether another weir runs on this host.
    pub(crate) fn set_accompanied(&mut self, accompanied: bool) {
        self.sockets.set_accompanied(accompanied);
    }
}
