//! How does this weir come in the place of an earlier one, and make room for a later one?

use super::{LOOK_AFTER_OLDER, NodeCapture};
use crate::node::{
    capturing::AppliedState,
    takeover::{HandOverEvent, HandOverServer, Newcomer, TakenOver},
};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{error, info, warn};
use weir_control::Status;

/// Longest wait for the API server's lists while a state from the disk could be served already: the earlier weir knows
/// better meanwhile.
const MAX_LISTING: Duration = Duration::from_secs(20);

/// Times that sockets are asked for, [`LOOK_AFTER_OLDER`] apart.
const MAX_QUESTIONS: u32 = 25;

impl NodeCapture {
    /// Takes the place of an earlier weir if one runs: once everything is known, takes its sockets and its lock. The rules
    /// follow, and then [`Self::confirm`].
    pub(super) async fn arrive(
        &mut self,
        applied: &mut watch::Receiver<AppliedState>,
        mut status: watch::Receiver<Status>,
    ) {
        if self.capture.has_lock() {
            return;
        }
        self.greet().await;
        let known = async {
            // A sender that is gone means that weir ends.
            let _ = applied.wait_for(|applied| applied.snapshot.is_some()).await;
            let listed = status.wait_for(|status| status.ready && status.restored.is_none());
            if timeout(MAX_LISTING, listed).await.is_err() {
                warn!("taking over with the state that was known last, as the API server does not list");
            }
        };
        known.await;
        // The rules follow it once the sockets are here.
        applied.mark_changed();
        self.ask().await;
        if let Err(error) = self.check_bridges().await {
            error!(%error, "cannot look at the bridges of this host");
        }
    }

    /// Asks the weir that runs for its sockets and its lock. Another newcomer may be faster, and is asked then.
    async fn ask(&mut self) {
        for _ in 0..MAX_QUESTIONS {
            if self.newcomer.is_none() {
                // The weir that runs may have been starting, too.
                self.greet().await;
            }
            let Some(newcomer) = &self.newcomer else {
                // The earlier weir has ended meanwhile, or hands nothing over. No other one may take its lock first.
                return self.capture.tend_lock();
            };
            match newcomer.ask().await {
                Ok(taken) => {
                    info!("the earlier weir has handed over {} listening sockets", taken.sockets.len());
                    self.hand_over.inherit(taken.sockets).await;
                    if let Some(lock) = taken.lock {
                        self.capture.inherit_lock(lock);
                    }
                    return;
                }
                Err(error) => {
                    info!("the earlier weir ({}) does not hand over: {error}", newcomer.older());
                    self.newcomer = None;
                }
            }
            sleep(LOOK_AFTER_OLDER).await;
            self.capture.tend_lock();
            if self.capture.has_lock() {
                return;
            }
        }
        warn!(
            "taking over without the sockets of the earlier weir: Services that it has bound may refuse clients for a while"
        );
    }

    async fn greet(&mut self) {
        let Some(runtime_dir) = &self.runtime_dir else { return };
        match timeout(Newcomer::MAX_GREETING, Newcomer::greet(runtime_dir)).await {
            Ok(Ok(newcomer)) => {
                info!(
                    "another weir ({}) runs here: taking over once all Services are known",
                    newcomer.older()
                );
                self.newcomer = Some(newcomer);
            }
            Ok(Err(error)) => {
                info!(%error, "another weir runs here, but does not answer in the runtime directory")
            }
            Err(_) => info!("another weir runs here, but does not answer in time"),
        }
    }

    /// Tells the earlier weir that this one serves. Once it has let go, this one is alone.
    pub(super) async fn confirm(&mut self) {
        let Some(newcomer) = self.newcomer.take() else { return };
        match newcomer.confirm().await {
            Ok(()) => info!("the earlier weir has let go: all that is new comes here"),
            Err(error) => warn!(%error, "the earlier weir does not say that it has let go"),
        }
    }

    async fn be_alone(&mut self) {
        self.accompanied.send_replace(false);
        self.hand_over.set_accompanied(false).await;
    }

    /// Waits for newcomers from the time on at which this weir holds the lock alone.
    pub(super) async fn stay(&mut self) {
        if *self.accompanied.borrow() && self.newcomer.is_none() && self.capture.has_lock() {
            info!("no other weir captures here any more");
            self.be_alone().await;
        }
        if self.server.is_some() || self.newcomer.is_some() || !self.capture.has_lock() {
            return;
        }
        let Some(runtime_dir) = &self.runtime_dir else { return };
        match HandOverServer::start(runtime_dir, self.hand_over.clone(), self.probes.clone()) {
            Ok(server) => self.server = Some(server),
            Err(error) => {
                warn!(%error, "cannot listen in {}: a newcomer will take over without this weir's sockets", runtime_dir.path().display());
                self.runtime_dir = None;
            }
        }
    }

    /// Heeds what a newcomer does.
    pub(super) fn heed(&mut self, event: HandOverEvent) -> Option<TakenOver> {
        match event {
            HandOverEvent::Asked { lock } => {
                self.is_handing_over = true;
                let _ = lock.send(self.capture.share_lock());
            }
            HandOverEvent::Lost => {
                self.is_handing_over = false;
                self.capture.reclaim();
            }
            HandOverEvent::TakenOver(taken_over) => return Some(taken_over),
        }
        None
    }
}
