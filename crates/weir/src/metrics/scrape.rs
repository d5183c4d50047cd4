//! What does a scrape show? What was recorded, and what is counted when somebody asks.

use super::{
    endpoint_counts,
    families::all_families,
    process,
    selection::{Selection, SeriesLimits},
    service_series::{self, ServiceSeries},
    text::Text,
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use weir_core::{MetricFamily, MetricKind, Snapshot};
use weir_proxy::Readings;

/// Sources of the metrics page.
#[derive(Clone)]
pub(crate) struct Sources {
    /// Metrics that were recorded.
    pub(crate) recorded: PrometheusHandle,
    /// Snapshot that is served.
    pub(crate) served: watch::Receiver<Snapshot>,
    /// Counts of the data plane, once it has started.
    pub(crate) readings: Arc<OnceLock<Readings>>,
    /// What may have series.
    pub(crate) limits: SeriesLimits,
}

impl Sources {
    /// Sources of a data plane that has not started yet.
    pub(crate) fn new(
        recorded: PrometheusHandle,
        served: watch::Receiver<Snapshot>,
        limits: SeriesLimits,
    ) -> Self {
        Self { recorded, served, readings: Arc::default(), limits }
    }

    /// Renders all metrics in Prometheus' text format, in chunks. Not for a thread that has anything else to do: it reads files,
    /// and thousands of Services in use take tenths of a second.
    pub(crate) fn render(&self, pass_on: &mut dyn FnMut(&str)) {
        pass_on(&with_types(self.recorded.render()));
        let served = self.served.borrow().clone();
        let in_use = self.readings.get().map(Readings::ports).unwrap_or_default();
        let selection = Selection::new(&self.limits, &in_use, &served);
        let mut text = Text::new(pass_on);
        endpoint_counts::write(&mut text, &served, &selection);
        let series = ServiceSeries::new(&selection);
        series.write(&mut text);
        let endpoints_left_out = match self.has_endpoints() {
            true => series.write_endpoints(&mut text),
            false => 0,
        };
        service_series::write_left_out(&mut text, &selection, endpoints_left_out);
        process::write(&mut text);
        if let Some(readings) = self.readings.get() {
            process::write_busy_times(&mut text, readings.busy_times());
        }
    }

    /// Whether single endpoints are shown: always, or while somebody asks for details.
    fn has_endpoints(&self) -> bool {
        self.limits.endpoints || self.readings.get().is_some_and(|readings| readings.details().are_wanted())
    }
}

/// Takes the type away from gauges whose names end as counters' do: the recorder knows no untyped metrics, and
/// `promtool check metrics` refuses such a gauge.
fn with_types(mut text: String) -> String {
    let is_untyped = |family: &&MetricFamily| family.kind == MetricKind::Untyped;
    for family in all_families().filter(is_untyped) {
        let (gauge, untyped) =
            (format!("# TYPE {} gauge\n", family.name), format!("# TYPE {} untyped\n", family.name));
        if let Some(at) = text.find(&gauge) {
            text.replace_range(at..at + gauge.len(), &untyped);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{super::exporter, *};
    use std::num::NonZeroUsize;
    use weir_proxy::{Config, Proxy};

    #[tokio::test]
    async fn endpoints_are_shown_while_somebody_asks_for_details_and_workers_from_the_start_of_the_data_plane()
     {
        let sources = Sources {
            recorded: exporter::recorder().unwrap().handle(),
            served: watch::channel(Snapshot::default()).1,
            readings: Arc::default(),
            limits: SeriesLimits { pattern: None, max_services: 1, endpoints: false },
        };
        let shown = || {
            let mut text = String::new();
            sources.render(&mut |chunk| text.push_str(chunk));
            text
        };
        assert!(shown().contains("\nprocess_threads ") && !shown().contains("weir_worker_busy"));
        let proxy = Proxy::start(Config::with_workers(NonZeroUsize::new(2).unwrap())).unwrap();
        sources.readings.set(proxy.readings()).unwrap();
        assert!(shown().contains("\nweir_worker_busy_seconds_total{worker=\"1\"} "), "{}", shown());
        assert!(!sources.has_endpoints());
        let wanted = sources.readings.get().unwrap().details().want();
        assert!(sources.has_endpoints());
        drop(wanted);
        assert!(!sources.has_endpoints());
    }
}
