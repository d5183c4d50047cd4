//! Which Snapshots are health checks tested with?

use std::num::NonZeroU16;
use weir_core::{CreationTime, HealthCheck, PerFamily, ResolvedService, ServiceKey, Snapshot};

/// Services of namespace `ns1` with a name, a health-check node port, and local endpoints over IPv4 and IPv6.
pub(super) fn snapshot(services: &[(&str, u16, usize, usize)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for &(name, port, v4, v6) in services {
        let node_port = NonZeroU16::new(port).unwrap();
        let check = |local_endpoints| Some(HealthCheck { node_port, local_endpoints });
        let served = ResolvedService {
            key: ServiceKey::new("ns1", name),
            created: CreationTime::UNKNOWN,
            ports: Vec::new(),
            health_checks: PerFamily { v4: check(v4), v6: check(v6) },
        };
        snapshot.insert(served.into());
    }
    snapshot
}
