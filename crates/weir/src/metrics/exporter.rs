//! How are metrics collected, and when do those of deleted Services leave?
//!
//! The exporter drops a counter or gauge that nobody touched for [`IDLE_TIMEOUT`]; it looks only when it renders. A
//! handle whose series was dropped is orphaned: it still counts, but into nothing that is ever shown, and registering
//! the name again starts a new series at zero. So whoever keeps a handle touches it (`increment(0)`; for a gauge
//! `increment(0.0)`) at least every [`weir_proxy::TOUCH_EVERY`], which is cheap, and a series leaves by no longer being touched.
//! Histograms are exempt: give them no label that comes and goes.

use super::propagation::{NETWORK_PROGRAMMING, PROPAGATION};
use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::MetricKindMask;
use std::{io, time::Duration};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// After how long without a touch a series is dropped.
const IDLE_TIMEOUT: Duration = Duration::from_secs(180);

/// How often histogram samples are folded into buckets; until then each takes memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Upper bounds of duration histograms: kube-proxy's, 1 ms x 2^n up to 16 s.
const DURATIONS: Scale = Scale { first: 0.001, count: 15 };

/// Upper bounds of connect times: 0.1 ms x 2^n up to 13 s; a node answers itself in less than a millisecond.
const CONNECTS: Scale = Scale { first: 0.000_1, count: 18 };

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

/// Collects all metrics of this process from now on.
pub(crate) fn install() -> anyhow::Result<PrometheusHandle> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|error| anyhow::anyhow!("cannot collect metrics: {error}"))?;
    Ok(handle)
}

/// A recorder with weir's buckets and life times.
pub(crate) fn recorder() -> anyhow::Result<PrometheusRecorder> {
    let connect = Matcher::Full("weir_connect_duration_seconds".to_owned());
    let propagation = Matcher::Full(PROPAGATION.to_owned());
    let network_programming = Matcher::Full(NETWORK_PROGRAMMING.to_owned());
    let builder = PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::COUNTER | MetricKindMask::GAUGE, Some(IDLE_TIMEOUT))
        // Without bounds a histogram would be shown as a summary, which cannot be added up over nodes.
        .set_buckets(&DURATIONS.bounds())
        .and_then(|builder| builder.set_buckets_for_metric(connect, &CONNECTS.bounds()))
        .and_then(|builder| builder.set_buckets_for_metric(propagation, &PROPAGATIONS.bounds()))
        .and_then(|builder| {
            builder.set_buckets_for_metric(network_programming, &network_programming_bounds())
        });
    Ok(builder.context("metric buckets")?.build_recorder())
}

/// Looks after the exporter until `stop`; nobody else does.
pub(crate) async fn upkeep(handle: PrometheusHandle, stop: CancellationToken) {
    stop.run_until_cancelled(async {
        let mut ticks = interval(UPKEEP_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut since_render = Duration::ZERO;
        loop {
            ticks.tick().await;
            metrics::gauge!("weir_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
            handle.run_upkeep();
            since_render += UPKEEP_EVERY;
            if since_render > IDLE_TIMEOUT {
                since_render = Duration::ZERO;
                drop_idle_series(handle.clone()).await;
            }
        }
    })
    .await;
}

/// Renders for nobody: without a scrape, series of deleted Services would pile up.
async fn drop_idle_series(handle: PrometheusHandle) {
    let rendered = tokio::task::spawn_blocking(move || handle.render_to_write(&mut io::sink())).await;
    if !matches!(rendered, Ok(Ok(()))) {
        tracing::debug!(?rendered, "cannot drop idle metrics");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_buckets() {
        let recorder = recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("weir_programming_duration_seconds").record(0.003);
            metrics::histogram!("weir_connect_duration_seconds").record(0.0003);
        });
        let text = recorder.handle().render();
        assert!(text.contains("weir_programming_duration_seconds_bucket{le=\"0.004\"} 1"), "{text}");
        assert!(text.contains("weir_connect_duration_seconds_bucket{le=\"0.0004\"} 1"), "{text}");
    }

    #[test]
    fn network_programming_durations_have_kube_proxys_buckets() {
        let bounds = network_programming_bounds();
        assert_eq!(bounds.len(), 80);
        assert!(bounds.is_sorted());
        assert_eq!((bounds[0], bounds[2], bounds[61], bounds[79]), (0.25, 1.0, 60.0, 300.0));
    }

    #[test]
    fn live_series_are_touched_well_before_they_would_be_dropped() {
        assert!(weir_proxy::TOUCH_EVERY * 2 < IDLE_TIMEOUT);
    }
}
