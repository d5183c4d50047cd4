//! Is everything still as weir has made it? Others change rules, routes and interfaces; the kernel notifies of some of it.

use super::{Capture, Disturbance};
use crate::route::Way;
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::time::{sleep_until, timeout_at};
use tracing::warn;

/// The time between two checks of routes and interfaces, whose end the kernel does not always announce.
const ROUTE_CHECK_INTERVAL: Duration = Duration::from_secs(2);

impl Capture {
    /// Waits until rules or routes are not as they should be; then it is time to [`repair`](Self::repair). Never returns
    /// once another weir has taken over. Safe to cancel.
    pub async fn disturbed(&mut self) -> Disturbance {
        loop {
            match (self.repair_schedule.due(), self.disturbance) {
                (Some(due), Some(disturbance)) if due <= Instant::now() => return disturbance,
                _ => {}
            }
            let dues = [Some(self.next_route_check), self.repair_schedule.due(), self.forward_check.due()];
            let until = dues.into_iter().flatten().min().unwrap_or(self.next_route_check);
            if self.disturbance.is_some() || self.superseded || self.desired.is_none() {
                sleep_until(until.into()).await;
            } else if let Ok(outcome) = timeout_at(until.into(), self.monitor.changed()).await {
                self.note_changes(outcome);
            }
            if self.is_calm() {
                self.check_forwarding().await;
            }
            self.check_periodically().await;
        }
    }

    pub(super) fn note_disturbance(&mut self, disturbance: Disturbance) {
        self.disturbance = Some(disturbance);
        self.repair_schedule.request(Instant::now());
    }

    /// Takes in what the kernel has notified of.
    fn note_changes(&mut self, outcome: io::Result<()>) {
        if let Err(error) = &outcome {
            warn!(%error, "cannot listen to changes of nftables; the rules are written anew");
        }
        if self.monitor.take_foreign_change() || outcome.is_err() {
            self.note_disturbance(Disturbance::Rules);
        }
        if self.monitor.take_change_beside() {
            self.request_forward_check();
        }
    }

    /// Whether the rules are in force and this weir's, and nothing is known to be wrong.
    fn is_calm(&self) -> bool {
        !self.superseded && self.disturbance.is_none() && self.installed.is_some()
    }

    /// Checks, every [`ROUTE_CHECK_INTERVAL`], what no notification announces: routes, and whether the capture lock is
    /// free.
    async fn check_periodically(&mut self) {
        if Instant::now() < self.next_route_check {
            return;
        }
        self.next_route_check = Instant::now() + ROUTE_CHECK_INTERVAL;
        self.tend_lock();
        if !self.is_calm() {
            return;
        }
        self.check_legacy();
        let families = self.families();
        for &family in &families {
            if !self.routes.are_in_force(&Way::TO_SOCKETS, family).await {
                self.note_disturbance(Disturbance::Routes);
            }
        }
        // What cannot be found out is mended, or said in doing so.
        if self.is_forwarding() && !self.routes.forwarding_is_in_force(&families).await.unwrap_or(false) {
            self.note_disturbance(Disturbance::Routes);
        }
    }
}
