//! What does a Service hold right now? Shared by its ports and families, and by all workers.

use dashmap::DashMap;
use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};
use weir_core::{RateLimiter, ServiceKey};

/// Connections, flows and accepts of one Service, for as long as the Service exists or one of them lives.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ServiceUsage {
    /// TCP connections with a permit. First, beside the reference count: a connection moves both, and takes one cache line
    /// for it.
    pub(crate) connections: AtomicUsize,
    /// The most of them at once. On the same cache line, and written only when there are more than ever.
    most: AtomicUsize,
    /// TCP connections by client address; counted only while there is a limit.
    pub(crate) clients: ClientCounts,
    /// UDP flows by client address; counted only while there is a limit.
    pub(crate) flows: ClientCounts,
    /// Limiter of accepts; used only while there is a rate.
    pub(crate) accepts: RateLimiter,
}

impl Default for ServiceUsage {
    fn default() -> Self {
        Self {
            connections: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            clients: ClientCounts::default(),
            flows: ClientCounts::default(),
            accepts: RateLimiter::new(Instant::now()),
        }
    }
}

impl ServiceUsage {
    /// TCP connections with a permit.
    #[cfg(test)]
    pub(crate) fn live(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// The most TCP connections with a permit at once, as far as [`Self::note`] was told.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Relaxed)
    }

    /// Notes how many connections have a permit now that one more was admitted.
    pub(crate) fn note(&self, now: usize) {
        if now > self.most.load(Relaxed) {
            self.most.fetch_max(now, Relaxed);
        }
    }
}

/// Counts by client address. Take no memory while there is no limit.
#[derive(Debug, Default)]
pub(crate) struct ClientCounts {
    counts: OnceLock<Box<DashMap<IpAddr, u32>>>,
}

impl ClientCounts {
    /// Counts one more for a client, also beyond `max`; returns whether the count is within `max`.
    pub(crate) fn add(&self, client: IpAddr, max: NonZeroU32) -> bool {
        let mut count = self.counts.get_or_init(Box::default).entry(client).or_insert(0);
        *count += 1;
        *count <= max.get()
    }

    /// Counts one less for a client.
    pub(crate) fn remove(&self, client: IpAddr) {
        let Some(counts) = self.counts.get() else { return };
        counts.remove_if_mut(&client, |_, count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }

    /// Count of a client.
    #[cfg(test)]
    pub(crate) fn of(&self, client: IpAddr) -> u32 {
        self.counts.get().and_then(|counts| counts.get(&client).map(|count| *count)).unwrap_or(0)
    }
}

/// Usages of all Services. A Service that is deleted and comes back while its connections live keeps its counts.
#[derive(Debug, Default)]
pub(crate) struct ServiceUsages {
    usages: HashMap<ServiceKey, Weak<ServiceUsage>>,
}

impl ServiceUsages {
    /// Usage of a Service.
    pub(crate) fn of(&mut self, service: &ServiceKey) -> Arc<ServiceUsage> {
        if let Some(usage) = self.usages.get(service).and_then(Weak::upgrade) {
            return usage;
        }
        let usage = Arc::default();
        self.usages.insert(service.clone(), Arc::downgrade(&usage));
        usage
    }

    /// Forgets Services that nothing refers to.
    pub(crate) fn sweep(&mut self) {
        self.usages.retain(|_, usage| usage.strong_count() > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_counted_while_it_has_something_and_then_forgotten() {
        let counts = ClientCounts::default();
        let client = IpAddr::from([10, 0, 0, 1]);
        let two = NonZeroU32::new(2).unwrap();
        assert_eq!([(); 3].map(|()| counts.add(client, two)), [true, true, false]);
        assert_eq!((counts.of(client), counts.of([10, 0, 0, 2].into())), (3, 0));
        (0..4).for_each(|_| counts.remove(client));
        assert!(counts.counts.get().unwrap().is_empty());
    }

    #[test]
    fn the_usage_of_a_service_outlives_its_deletion_while_connections_live() {
        let mut usages = ServiceUsages::default();
        let key = ServiceKey::new("default", "web");
        let connection = usages.of(&key);
        usages.sweep();
        assert!(Arc::ptr_eq(&connection, &usages.of(&key)));
        drop(connection);
        usages.sweep();
        assert!(usages.usages.is_empty());
    }
}
