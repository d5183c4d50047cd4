//! Which Service ports are there, for those who look? A copy of what the steering thread knows.

use crate::{routing::port_runtime::PortRuntime, shared::event_log::EventLog, telemetry::totals::PortTotals};
use dashmap::DashMap;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::SystemTime,
};
use weir_core::{Family, PortKey, Protocol};

/// What the steering thread tells those who look. They never hold it up for longer than it takes to copy one reference.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    runtimes: DashMap<(PortKey, Family), Arc<PortRuntime>>,
    /// Totals of TCP and UDP ports that are gone.
    gone: Mutex<[PortTotals; 2]>,
    frontends: [AtomicUsize; 3],
    applied: Mutex<Option<SystemTime>>,
    pub(crate) events: EventLog,
}

/// Number of frontends by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrontendCounts {
    /// Those that are listened at or captured.
    pub listening: usize,
    /// Those whose sockets cannot be opened.
    pub failed: usize,
    /// Those without an endpoint.
    pub no_endpoints: usize,
}

impl Registry {
    /// Adds a Service port.
    pub(crate) fn add(&self, key: (PortKey, Family), runtime: &Arc<PortRuntime>) {
        self.runtimes.insert(key, Arc::clone(runtime));
    }

    /// Removes a Service port, and keeps what it has served in the totals.
    pub(crate) fn remove(&self, key: &(PortKey, Family)) {
        if let Some((_, runtime)) = self.runtimes.remove(key) {
            let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
            let [tcp, udp] = &mut *gone;
            *(if key.0.protocol == Protocol::Udp { udp } else { tcp }) += runtime.metrics.totals();
        }
    }

    /// The runtime of a Service port.
    pub(crate) fn get(&self, key: &PortKey, family: Family) -> Option<Arc<PortRuntime>> {
        self.runtimes.get(&(key.clone(), family)).map(|runtime| Arc::clone(&runtime))
    }

    /// Totals of all TCP ports and of all UDP ports, also of those that are gone.
    pub(crate) fn totals(&self) -> [PortTotals; 2] {
        let [mut tcp, mut udp] = *self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in &self.runtimes {
            *(if entry.key().0.protocol == Protocol::Udp { &mut udp } else { &mut tcp }) +=
                entry.value().metrics.totals();
        }
        [tcp, udp]
    }

    /// Clients that wait because all endpoints are full.
    pub(crate) fn waiting(&self) -> usize {
        self.runtimes.iter().map(|entry| entry.value().queue.len() as usize).sum()
    }

    /// Sets the number of frontends in each state.
    pub(crate) fn set_frontends(&self, counts: FrontendCounts) {
        let FrontendCounts { listening, failed, no_endpoints } = counts;
        for (known, count) in self.frontends.iter().zip([listening, failed, no_endpoints]) {
            known.store(count, Relaxed);
        }
    }

    /// Number of frontends in each state.
    pub(crate) fn frontends(&self) -> FrontendCounts {
        let [listening, failed, no_endpoints] = self.frontends.each_ref().map(|count| count.load(Relaxed));
        FrontendCounts { listening, failed, no_endpoints }
    }

    /// Records that a Snapshot is served from now on.
    pub(crate) fn set_applied(&self, now: SystemTime) {
        *self.applied.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// When a Snapshot was last applied; `None` before the first.
    pub(crate) fn applied(&self) -> Option<SystemTime> {
        *self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
