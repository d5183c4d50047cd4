//! What does a Service hold right now? Shared by its ports and families, and by all workers.

use dashmap::DashMap;
use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, OnceLock, Weak, atomic::AtomicUsize},
    time::Instant,
};
use weir_core::{RateLimiter, ServiceKey};

/// What one Service holds, for as long as it exists or something of it lives.
#[derive(Debug)]
pub(crate) struct ServiceUsage {
    /// TCP connections that have a place.
    pub(crate) connections: AtomicUsize,
    /// The same by client address; counted only while there is a limit.
    pub(crate) clients: ClientCounts,
    /// UDP flows by client address; counted only while there is a limit.
    pub(crate) flows: ClientCounts,
    /// When the next client may be served; asked only while there is a limit.
    pub(crate) accepts: RateLimiter,
}

impl Default for ServiceUsage {
    fn default() -> Self {
        Self {
            connections: AtomicUsize::new(0),
            clients: ClientCounts::default(),
            flows: ClientCounts::default(),
            accepts: RateLimiter::new(Instant::now()),
        }
    }
}

impl ServiceUsage {
    /// How many connections have a place.
    #[cfg(test)]
    pub(crate) fn live(&self) -> usize {
        self.connections.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// A number for each client address that has one. Takes no memory while there is no limit.
#[derive(Debug, Default)]
pub(crate) struct ClientCounts {
    counts: OnceLock<Box<DashMap<IpAddr, u32>>>,
}

impl ClientCounts {
    /// Counts one more of a client; returns whether it stays within `most`. It is counted either way.
    pub(crate) fn add(&self, client: IpAddr, max: NonZeroU32) -> bool {
        let mut count = self.counts.get_or_init(Box::default).entry(client).or_insert(0);
        *count += 1;
        *count <= max.get()
    }

    /// Counts one less of a client.
    pub(crate) fn remove(&self, client: IpAddr) {
        let Some(counts) = self.counts.get() else { return };
        counts.remove_if_mut(&client, |_, count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }

    /// How many a client has.
    #[cfg(test)]
    pub(crate) fn of(&self, client: IpAddr) -> u32 {
        self.counts.get().and_then(|counts| counts.get(&client).map(|count| *count)).unwrap_or(0)
    }
}

/// The loads of all Services. One that is deleted and comes back while connections of it live keeps its count.
#[derive(Debug, Default)]
pub(crate) struct ServiceUsages {
    usages: HashMap<ServiceKey, Weak<ServiceUsage>>,
}

impl ServiceUsages {
    /// The load of a Service.
    pub(crate) fn of(&mut self, service: &ServiceKey) -> Arc<ServiceUsage> {
        if let Some(usage) = self.usages.get(service).and_then(Weak::upgrade) {
            return usage;
        }
        let usage = Arc::default();
        self.usages.insert(service.clone(), Arc::downgrade(&usage));
        usage
    }

    /// Forgets Services of which nothing is left.
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
