//! How are metrics collected?

use super::{
    families::{NETWORK_PROGRAMMING, PROPAGATION, all_families},
    live_series::{LiveRecorder, LiveSeries},
};
use anyhow::Context;
use metrics::{Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::MetricKindMask;
use std::time::Duration;
use weir_core::{MetricFamily, MetricKind, MetricUnit};

/// Time without a touch after which a series is dropped.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(180);

/// Upper bounds of duration histograms: kube-proxy's, 1 ms x 2^n up to 16 s.
const DURATIONS: Scale = Scale { first: 0.001, count: 15 };

/// Upper bounds of propagation times: 1 ms x 2^n up to 262 s; what waits for an API server that is away takes minutes.
const PROPAGATIONS: Scale = Scale { first: 0.001, count: 19 };

struct Scale {
    first: f64,
    count: i32,
}

impl Scale {
    fn bounds(&self) -> Vec<f64> {
        (0..self.count).map(|n| self.first * 2f64.powi(n)).collect()
    }
}

/// Upper bounds of kube-proxy's network programming durations: dashboards and alerts name them.
fn network_programming_bounds() -> Vec<f64> {
    let steps = |from: u16, to: u16, step: usize| (from..=to).step_by(step).map(f64::from);
    [0.25, 0.5]
        .into_iter()
        .chain(steps(1, 59, 1))
        .chain(steps(60, 115, 5))
        .chain(steps(120, 300, 30))
        .collect()
}

/// Exporter of this process's metrics, and the series that it must keep.
#[derive(Clone)]
pub(crate) struct Exporter {
    /// Renders the metrics.
    pub(crate) handle: PrometheusHandle,
    /// Series whose handle is held.
    pub(super) series: LiveSeries,
}

/// Collects all metrics that this process registers from now on. Earlier ones count into nothing.
pub(crate) fn install() -> anyhow::Result<Exporter> {
    let recorder = recorder()?;
    all_families().for_each(|family| describe(&recorder, family));
    let exporter = Exporter { handle: recorder.handle(), series: LiveSeries::default() };
    // Descriptions count from then on; a crate's own would come too late.
    exporter.handle.run_upkeep();
    metrics::set_global_recorder(LiveRecorder { recorder, series: exporter.series.clone() })
        .map_err(|error| anyhow::anyhow!("cannot collect metrics: {error}"))?;
    Ok(exporter)
}

fn describe(recorder: &impl Recorder, family: &MetricFamily) {
    let unit = family.unit.map(|unit| match unit {
        MetricUnit::Bytes => Unit::Bytes,
        MetricUnit::Seconds | MetricUnit::UnixSeconds => Unit::Seconds,
    });
    let (name, help) = (family.name.into(), family.help.into());
    match family.kind {
        MetricKind::Counter => recorder.describe_counter(name, unit, help),
        MetricKind::Gauge | MetricKind::Untyped => recorder.describe_gauge(name, unit, help),
        MetricKind::Histogram => recorder.describe_histogram(name, unit, help),
    }
}

/// Builds a recorder with weir's buckets and idle time.
pub(crate) fn recorder() -> anyhow::Result<PrometheusRecorder> {
    let propagation = Matcher::Full(PROPAGATION.name.to_owned());
    let network_programming = Matcher::Full(NETWORK_PROGRAMMING.name.to_owned());
    let builder = PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::COUNTER | MetricKindMask::GAUGE, Some(IDLE_TIMEOUT))
        // Without bounds a histogram would be shown as a summary, which cannot be added up over nodes.
        .set_buckets(&DURATIONS.bounds())
        .and_then(|builder| builder.set_buckets_for_metric(propagation, &PROPAGATIONS.bounds()))
        .and_then(|builder| {
            builder.set_buckets_for_metric(network_programming, &network_programming_bounds())
        });
    Ok(builder.context("metric buckets")?.build_recorder())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_buckets() {
        let recorder = recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("weir_programming_duration_seconds").record(0.003);
        });
        let text = recorder.handle().render();
        assert!(text.contains("weir_programming_duration_seconds_bucket{le=\"0.004\"} 1"), "{text}");
    }

    #[test]
    fn network_programming_durations_have_kube_proxys_buckets() {
        let bounds = network_programming_bounds();
        assert_eq!(bounds.len(), 80);
        assert!(bounds.is_sorted());
        assert_eq!((bounds[0], bounds[2], bounds[61], bounds[79]), (0.25, 1.0, 60.0, 300.0));
    }
}
