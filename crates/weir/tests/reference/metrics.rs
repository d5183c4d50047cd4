//! Is the page of metrics what the crates register?

use crate::page;
use std::fmt::Write;
use weir_core::MetricFamily;
use weir_proxy::Closed;

#[test]
fn the_page_of_metrics_is_the_tables_of_the_crates() {
    let mut page = page::begin(
        "Metrics",
        "weir shows these in Prometheus' text format at `/metrics` of `--admin-address` (127.0.0.1:10249). Series of a \
         Service port begin with its first client or check, and leave within ten seconds after it is gone.",
    );
    let ports: Vec<_> = weir_proxy::PORT_FAMILIES.iter().map(|port| port.family).collect();
    let endpoints: Vec<_> = weir_proxy::ENDPOINT_FAMILIES.iter().map(|endpoint| endpoint.family).collect();
    for (title, families) in [
        ("Service ports in use", &*ports),
        ("Single endpoints, with `--endpoint-metrics`", &*endpoints),
        ("The program", weir::metrics::METRIC_FAMILIES),
        ("Data plane", weir_proxy::METRIC_FAMILIES),
        ("Control plane", weir_control::METRIC_FAMILIES),
        ("Capturing, in node mode", weir_capture::METRIC_FAMILIES),
    ] {
        let _ = write!(page, "\n## {title}\n");
        page::table(&mut page, ["metric", "type", "unit", "labels", "meaning"], families.iter().map(row));
    }
    let reasons: Vec<String> = Closed::ALL.map(|reason| format!("`{}`", reason.as_str())).to_vec();
    let _ = write!(
        page,
        "\n## Close reasons\n\nValues of `reason`, and of `result` of connect attempts: {}.\n",
        reasons.join(", ")
    );
    page::check("metrics.md", &page);
}

fn row(family: &MetricFamily) -> [String; 5] {
    let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    [
        format!("`{}`", family.name),
        family.kind.as_str().to_owned(),
        family.unit.map_or_else(String::new, |unit| unit.as_str().to_owned()),
        labels.join(", "),
        family.help.to_owned(),
    ]
}
