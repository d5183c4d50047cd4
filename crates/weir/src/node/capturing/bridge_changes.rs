//! When are this host's bridges to be looked at? At once when the kernel tells of a change, and from time to time.

use std::{future::pending, io, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use tracing::warn;
use weir_capture::BridgeMonitor;

/// Time between two looks at bridges of whose change nobody has told, as of a setting or a route.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Least time between two looks: pods that come one after the other may each change their bridge.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// Notices of changes of bridges.
#[derive(Debug)]
pub(super) struct BridgeChanges {
    /// Notices of the kernel; `None` where there are none.
    monitor: Option<BridgeMonitor>,
    check: Interval,
    /// Whether bridges are to be looked at, once that is not too soon.
    is_due: bool,
    earliest: Instant,
}

impl BridgeChanges {
    /// Begins to listen; bridges are to be looked at once now.
    pub(super) fn new() -> Self {
        let mut check = interval(CHECK_INTERVAL);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let monitor = BridgeMonitor::open();
        let monitor = monitor.map_err(|error| warn_of_silence(&error)).ok();
        Self { monitor, check, is_due: false, earliest: Instant::now() }
    }

    /// Waits until bridges are to be looked at. Safe to cancel.
    pub(super) async fn next(&mut self) {
        if !self.is_due {
            tokio::select! {
                _ = self.check.tick() => {}
                noticed = changed(&mut self.monitor) => {
                    if let Err(error) = noticed {
                        warn_of_silence(&error);
                        self.monitor = None;
                    }
                }
            }
            self.is_due = true;
        }
        sleep_until(self.earliest).await;
        self.is_due = false;
        self.earliest = Instant::now() + MIN_PAUSE;
    }
}

async fn changed(monitor: &mut Option<BridgeMonitor>) -> io::Result<()> {
    match monitor {
        Some(monitor) => monitor.changed().await,
        None => pending().await,
    }
}

fn warn_of_silence(error: &io::Error) {
    warn!(%error, "cannot listen to changes of bridges; they are looked at every {CHECK_INTERVAL:?} instead");
}
