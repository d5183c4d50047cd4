//! What does a scrape show? What was recorded, and what is counted when somebody asks.

use super::{endpoint_counts, families::all_families};
use metrics_exporter_prometheus::PrometheusHandle;
use weir_core::{MetricKind, Snapshot};

/// Renders all metrics in Prometheus' text format: those recorded, and those of the Snapshot that is served.
pub(crate) fn render(recorded: &PrometheusHandle, served: &Snapshot) -> String {
    with_types(recorded.render()) + &endpoint_counts::render(served)
}

/// Takes the type away from gauges whose names end as counters' do: the recorder knows no untyped metrics, and
/// `promtool check metrics` refuses such a gauge.
fn with_types(mut text: String) -> String {
    for family in all_families().filter(|family| family.kind == MetricKind::Untyped) {
        let (gauge, untyped) =
            (format!("# TYPE {} gauge\n", family.name), format!("# TYPE {} untyped\n", family.name));
        if let Some(at) = text.find(&gauge) {
            text.replace_range(at..at + gauge.len(), &untyped);
        }
    }
    text
}
