//! Which Service ports are there, for those who look? A copy of what the steering thread knows.

use crate::{
    routing::port_runtime::PortRuntime, shared::event_log::EventLog, telemetry::port_directory::PortDirectory,
};
use dashmap::DashMap;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::SystemTime,
};
use weir_core::{Family, PortKey};

/// What the steering thread tells those who look. They never hold it up for longer than it takes to copy one reference.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    runtimes: DashMap<(PortKey, Family), Arc<PortRuntime>>,
    /// Ports in use, with what is counted of them.
    pub(crate) directory: Arc<PortDirectory>,
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

    /// Removes a Service port.
    pub(crate) fn remove(&self, key: &(PortKey, Family)) {
        self.runtimes.remove(key);
    }

    /// The runtime of a Service port.
    pub(crate) fn get(&self, key: &PortKey, family: Family) -> Option<Arc<PortRuntime>> {
        self.runtimes.get(&(key.clone(), family)).map(|runtime| Arc::clone(&runtime))
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
