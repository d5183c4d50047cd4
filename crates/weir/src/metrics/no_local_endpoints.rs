//! How many Service ports want endpoints of this node and have none, while there are some elsewhere? (semantics N2, N3)
//!
//! Such ports drop traffic here. A change costs the Services that changed.

use super::families::NO_LOCAL_ENDPOINTS;
use metrics::{Gauge, gauge};
use std::collections::HashMap;
use tokio::sync::watch;
use weir_core::{Changes, Family, PerFamily, ResolvedService, ServiceKey, ServicePort, Snapshot};

/// Ports without local endpoints, by the traffic policy that wants them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    internal: usize,
    external: usize,
}

/// Counts of a Snapshot, by Service and in total.
#[derive(Debug, Default)]
struct NoLocalEndpoints {
    counted: Snapshot,
    services: HashMap<ServiceKey, PerFamily<Counts>>,
    total: PerFamily<Counts>,
}

/// Sets the gauges for each Snapshot, until the sender is gone.
pub(crate) async fn show(mut snapshots: watch::Receiver<Snapshot>) {
    let gauges = PerFamily { v4: Gauges::register(Family::V4), v6: Gauges::register(Family::V6) };
    let mut counts = NoLocalEndpoints::default();
    while snapshots.changed().await.is_ok() {
        let snapshot = snapshots.borrow_and_update().clone();
        counts.count(&snapshot);
        Family::ALL.into_iter().for_each(|family| gauges.get(family).set(*counts.total.get(family)));
    }
}

/// Gauges of one family.
struct Gauges {
    internal: Gauge,
    external: Gauge,
}

impl Gauges {
    fn register(family: Family) -> Self {
        let gauge = |traffic_policy: &'static str| gauge!(NO_LOCAL_ENDPOINTS.name, "traffic_policy" => traffic_policy, "ip_family" => family.as_str());
        Self { internal: gauge("internal"), external: gauge("external") }
    }

    fn set(&self, counts: Counts) {
        self.internal.set(counts.internal as f64);
        self.external.set(counts.external as f64);
    }
}

impl NoLocalEndpoints {
    fn count(&mut self, snapshot: &Snapshot) {
        let changes = Changes::between(&self.counted, snapshot);
        self.counted = snapshot.clone();
        for key in &changes.removed {
            self.replace(key, PerFamily::default());
        }
        for service in &changes.changed {
            self.replace(&service.key, of_service(service));
        }
    }

    fn replace(&mut self, key: &ServiceKey, counts: PerFamily<Counts>) {
        let none = PerFamily::default();
        let before = match counts == none {
            true => self.services.remove(key),
            false => self.services.insert(key.clone(), counts),
        };
        for family in Family::ALL {
            let (before, after) = (before.unwrap_or(none), counts);
            let total = self.total.get_mut(family);
            total.internal = total.internal + after.get(family).internal - before.get(family).internal;
            total.external = total.external + after.get(family).external - before.get(family).external;
        }
    }
}

fn of_service(service: &ResolvedService) -> PerFamily<Counts> {
    let mut counts = PerFamily::<Counts>::default();
    for port in service.ports.iter().filter(|port| lacks_local(port)) {
        let counts = counts.get_mut(port.family);
        counts.internal += usize::from(port.internal_local);
        counts.external += usize::from(port.external_local);
    }
    counts
}

fn lacks_local(port: &ServicePort) -> bool {
    port.has_any && port.local.as_ref().is_none_or(|local| local.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::SocketAddr, num::NonZeroU16, sync::Arc};
    use weir_core::{PortSpec, Protocol, Service, resolve_static};

    /// A Service with one port and one endpoint, which is on no node.
    fn service(name: &str, change: impl FnOnce(&mut ServicePort)) -> Arc<ResolvedService> {
        let port = NonZeroU16::new(80).unwrap();
        let port = PortSpec { name: "".into(), protocol: Protocol::Tcp, port, node_port: None };
        let service = Service::new(ServiceKey::new("default", name), [10, 96, 0, 1].into(), vec![port]);
        let mut served = resolve_static(&service, &[SocketAddr::from(([10, 0, 0, 1], 80))]);
        change(Arc::make_mut(&mut served.ports[0]));
        Arc::new(served)
    }

    #[test]
    fn ports_that_want_local_endpoints_and_have_others_are_counted_until_they_go() {
        let mut counts = NoLocalEndpoints::default();
        let mut snapshot = Snapshot::default();
        snapshot.insert(service("cluster", |_| {}));
        snapshot.insert(service("internal", |port| port.internal_local = true));
        snapshot.insert(service("both", |port| (port.internal_local, port.external_local) = (true, true)));
        snapshot.insert(service("local", |port| {
            port.local = port.cluster.clone();
            port.external_local = true;
        }));
        snapshot.insert(service("none", |port| (port.has_any, port.external_local) = (false, true)));
        counts.count(&snapshot);
        assert_eq!(counts.total.v4, Counts { internal: 2, external: 1 });
        snapshot.remove(&ServiceKey::new("default", "both"));
        snapshot.insert(service("internal", |_| {}));
        snapshot.insert(service("cluster", |port| port.external_local = true));
        counts.count(&snapshot);
        assert_eq!(counts.total.v4, Counts { internal: 0, external: 1 });
        assert_eq!(counts.total.v6, Counts::default());
        assert_eq!(counts.services.len(), 1, "nothing is kept of others");
    }
}
