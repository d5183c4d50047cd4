//! How do metrics stay in order while weir runs?

use super::{
    exporter::{Exporter, IDLE_TIMEOUT},
    families::BUILD_INFO,
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{io, time::Duration};
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// Period at which histogram samples are folded into buckets; until then each takes memory.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// Period at which series with a handle are touched.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// Folds, touches and drops series until `stop`.
pub(crate) async fn upkeep(exporter: Exporter, stop: CancellationToken) {
    let Exporter { handle, series } = exporter;
    let build_info = metrics::gauge!(BUILD_INFO.name, "version" => env!("CARGO_PKG_VERSION"));
    build_info.set(1.0);
    stop.run_until_cancelled(async {
        let [mut fold, mut touch, mut scrape] = [FOLD_EVERY, TOUCH_EVERY, IDLE_TIMEOUT].map(interval);
        for ticks in [&mut fold, &mut touch, &mut scrape] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                _ = fold.tick() => handle.run_upkeep(),
                _ = touch.tick() => {
                    let series = series.clone();
                    let _ = spawn_blocking(move || series.touch()).await;
                }
                _ = scrape.tick() => drop_idle_series(handle.clone()).await,
            }
        }
    })
    .await;
}

/// Renders without a reader: the exporter drops idle series only then, and a scrape may never come.
async fn drop_idle_series(handle: PrometheusHandle) {
    let rendered = spawn_blocking(move || handle.render_to_write(&mut io::sink())).await;
    if !matches!(rendered, Ok(Ok(()))) {
        tracing::debug!(?rendered, "cannot drop idle metrics");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_series_are_touched_well_before_they_would_be_dropped() {
        assert!(TOUCH_EVERY * 2 < IDLE_TIMEOUT);
    }
}
