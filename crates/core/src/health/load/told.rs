//! What can an operator be told of an endpoint?

use super::{Cause, ConnectFailure, Load};
use std::{sync::atomic::Ordering::Relaxed, time::Instant};

impl Load {
    /// Whether the endpoint was last ejected because it ends connections at once.
    pub fn ends_at_once(&self) -> bool {
        self.record().cause() == Cause::EndsAtOnce
    }

    /// The reason of the last failed connect or check; `None` if none has failed.
    pub fn last_failure(&self) -> Option<ConnectFailure> {
        ConnectFailure::ALL.into_iter().find(|&failure| failure as u8 + 1 == self.last_failure.load(Relaxed))
    }

    /// Connections and flows that were begun with this endpoint, whether or not it accepted. Begins anew at 2^32.
    pub fn picked(&self) -> u32 {
        self.usage.begun()
    }

    /// The most connections and flows that were open at once.
    pub fn most(&self) -> u32 {
        self.usage.most()
    }

    /// Failed connects. Begins anew at 2^32.
    pub fn failures(&self) -> u32 {
        self.history.failures()
    }

    /// Failed connects since the last success.
    pub fn failures_in_a_row(&self) -> u8 {
        self.record().failures()
    }

    /// When a connect failed last, to a tenth of a second; `None` if none has.
    pub fn last_failed(&self) -> Option<Instant> {
        self.changes.moment(self.history.last_failed()?)
    }

    /// How often the endpoint was ejected. Begins anew at 2^32.
    pub fn ejections(&self) -> u32 {
        self.history.ejections()
    }

    /// When the endpoint was ejected last, to a tenth of a second; `None` if it never was.
    pub fn last_ejected(&self) -> Option<Instant> {
        self.changes.moment(self.history.last_ejected()?)
    }

    /// When a connection may next probe the endpoint, which is ejected; `None` while it is not.
    pub fn probe_due(&self) -> Option<Instant> {
        self.changes.moment(self.record().probe_due()?)
    }

    /// Records that what may be said of the endpoint's state has changed: it has come, is down or up, or Kubernetes says something
    /// else of it. Ejections record themselves.
    pub fn mark_changed(&self, now: Instant) {
        self.history.changed(self.changes.millis(now));
    }

    /// Since when the endpoint is in its state, to a tenth of a second; `None` where nobody recorded it.
    pub fn changed(&self) -> Option<Instant> {
        self.changes.moment(self.history.last_changed()?)
    }
}
