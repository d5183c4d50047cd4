//! Which of kube-proxy's metrics tell how many changes came and wait? (semantics K1)

use crate::{
    Event, Kind,
    metric_families::{
        ENDPOINT_CHANGES, ENDPOINT_CHANGES_PENDING, LAST_QUEUED, SERVICE_CHANGES, SERVICE_CHANGES_PENDING,
    },
};
use metrics::{Counter, Gauge, counter, gauge};
use std::time::SystemTime;
use weir_core::Family;

/// Handles of kube-proxy's metrics of changes, registered once.
pub(super) struct KubeProxyMetrics {
    services: Changes,
    endpoints: Changes,
    /// One gauge for each family; all get one value, because families are published together.
    last_queued: [Gauge; Family::ALL.len()],
}

/// Metrics of the changes of one kind.
struct Changes {
    total: Counter,
    pending: Gauge,
}

impl KubeProxyMetrics {
    pub(super) fn register() -> Self {
        Self {
            services: Changes {
                total: counter!(SERVICE_CHANGES.name),
                pending: gauge!(SERVICE_CHANGES_PENDING.name),
            },
            endpoints: Changes {
                total: counter!(ENDPOINT_CHANGES.name),
                pending: gauge!(ENDPOINT_CHANGES_PENDING.name),
            },
            last_queued: Family::ALL.map(|family| gauge!(LAST_QUEUED.name, "ip_family" => family.as_str())),
        }
    }

    /// Counts an event that came at the time of day `now`.
    pub(super) fn event(&self, event: &Event, now: SystemTime) {
        let (Event::Put(key, _) | Event::Delete(key)) = event else { return };
        let changes = match key.kind {
            Kind::Service => &self.services,
            Kind::EndpointSlice => &self.endpoints,
            Kind::Node | Kind::ServiceCidr => return,
        };
        changes.total.increment(1);
        changes.pending.increment(1.0);
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        self.last_queued.iter().for_each(|gauge| gauge.set(seconds));
    }

    /// Resets the pending changes: a commit takes all of them into account.
    pub(super) fn committed(&self) {
        [&self.services, &self.endpoints].iter().for_each(|changes| changes.pending.set(0.0));
    }
}
