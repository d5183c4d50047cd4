//! How is `/metrics` answered?

use crate::{
    http::{Reply, TEXT, reply},
    metrics,
};
use hyper::StatusCode;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use weir_core::Snapshot;

/// Sources of the metrics page.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Metrics that were recorded.
    pub(crate) recorded: PrometheusHandle,
    /// Snapshot that is served.
    pub(crate) served: watch::Receiver<Snapshot>,
}

impl Metrics {
    fn render(&self) -> String {
        let served = self.served.borrow().clone();
        metrics::render(&self.recorded, &served)
    }
}

/// Renders on a thread of the blocking pool: with 10,000 Services this takes a tenth of a second.
pub(in crate::admin) async fn render(metrics: Metrics) -> Reply {
    const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
    match tokio::task::spawn_blocking(move || metrics.render()).await {
        Ok(text) => reply(StatusCode::OK, PROMETHEUS, text),
        Err(error) => {
            reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("cannot render metrics: {error}\n"))
        }
    }
}
