//! Which of kube-proxy's metrics tell how many changes came and wait? (semantics K1)

use crate::{Event, Kind};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use std::time::SystemTime;
use weir_core::Family;

const SERVICES: &str = "kubeproxy_sync_proxy_rules_service_changes_total";
const SERVICES_PENDING: &str = "kubeproxy_sync_proxy_rules_service_changes_pending";
const ENDPOINTS: &str = "kubeproxy_sync_proxy_rules_endpoint_changes_total";
const ENDPOINTS_PENDING: &str = "kubeproxy_sync_proxy_rules_endpoint_changes_pending";
const LAST_QUEUED: &str = "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds";

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
        describe_counter!(SERVICES, "Services that came, changed or went");
        describe_gauge!(SERVICES_PENDING, "Changes of Services that no Snapshot takes into account yet");
        describe_counter!(ENDPOINTS, "EndpointSlices that came, changed or went");
        describe_gauge!(
            ENDPOINTS_PENDING,
            "Changes of EndpointSlices that no Snapshot takes into account yet"
        );
        describe_gauge!(LAST_QUEUED, "Unix time of the last change of a Service or EndpointSlice");
        Self {
            services: Changes { total: counter!(SERVICES), pending: gauge!(SERVICES_PENDING) },
            endpoints: Changes { total: counter!(ENDPOINTS), pending: gauge!(ENDPOINTS_PENDING) },
            last_queued: Family::ALL.map(|family| gauge!(LAST_QUEUED, "ip_family" => family.as_str())),
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

    /// Touches every series, so that a recorder keeps those that do not change.
    pub(super) fn touch(&self) {
        for changes in [&self.services, &self.endpoints] {
            changes.total.increment(0);
            changes.pending.increment(0.0);
        }
        self.last_queued.iter().for_each(|gauge| gauge.increment(0.0));
    }
}
