//! What does a scrape show of the Services in use? Read from the data plane's counts when somebody asks.

use super::{families::LEFT_OUT, labels, selection::Selection, text::Text};
use weir_proxy::{
    ENDPOINT_FAMILIES, EndpointFamily, EndpointReading, PORT_FAMILIES, PortFamily, PortReading, PortSeries,
};

/// Endpoints with series at most, of all Services together.
const MAX_ENDPOINTS: usize = 10_000;

/// Service ports in use, each with its labels.
pub(super) struct ServiceSeries<'a>(Vec<(&'a PortSeries, String)>);

impl<'a> ServiceSeries<'a> {
    pub(super) fn new(selection: &Selection<'a>) -> Self {
        Self(selection.chosen.iter().map(|&series| (series, labels::of_port(series))).collect())
    }

    /// Writes the metrics of Service ports.
    pub(super) fn write(&self, text: &mut Text<'_>) {
        for PortFamily { family, read } in PORT_FAMILIES {
            let mut out = text.family(family);
            let label = family.labels.last().copied().unwrap_or_default();
            for (series, labels) in &self.0 {
                read(series, &mut |reading| match reading {
                    PortReading::One(value) => out.value(labels, value),
                    PortReading::Of(of, value) => out.value_with(labels, (label, of), value),
                    PortReading::Durations(durations) => out.durations(labels, durations),
                });
            }
        }
    }

    /// Writes the metrics of single endpoints; returns how many endpoints were left out.
    pub(super) fn write_endpoints(&self, text: &mut Text<'_>) -> usize {
        let mut left_out = 0;
        for EndpointFamily { family, read, label } in ENDPOINT_FAMILIES {
            let mut out = text.family(family);
            let name = family.labels.last().copied().unwrap_or_default();
            let mut shown = 0;
            for (series, labels) in &self.0 {
                series.for_each_endpoint(&mut |view| {
                    shown += 1;
                    let Some(value) = read(&view).filter(|_| shown <= MAX_ENDPOINTS) else { return };
                    let labels = of_endpoint(labels, &view);
                    match label {
                        Some(label) => out.value_with(&labels, (name, label(&view)), value),
                        None => out.value(&labels, value),
                    }
                });
            }
            left_out = shown.saturating_sub(MAX_ENDPOINTS);
        }
        left_out
    }
}

/// Writes how much has no series.
pub(super) fn write_left_out(text: &mut Text<'_>, selection: &Selection<'_>, endpoints: usize) {
    let mut out = text.family(&LEFT_OUT);
    out.value("what=\"service\",reason=\"name\"", selection.not_matching);
    out.value("what=\"service\",reason=\"limit\"", selection.over_limit);
    out.value("what=\"endpoint\",reason=\"limit\"", endpoints);
}

fn of_endpoint(port: &str, EndpointReading { endpoint, .. }: &EndpointReading<'_>) -> String {
    let [node, zone] =
        [&endpoint.node, &endpoint.zone].map(|name| labels::value(name.as_deref().unwrap_or_default()));
    format!("{port},endpoint=\"{}\",node=\"{node}\",zone=\"{zone}\"", endpoint.address)
}
