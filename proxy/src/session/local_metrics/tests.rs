//! Does what a worker counts reach the series of its Service port all at once, and all of it?

use super::*;
use crate::telemetry::{port_directory::PortDirectory, port_series::PortSeries};
use std::{num::NonZeroU16, time::Instant};
use weir_core::{PortSpec, Protocol, Service, ServiceKey, resolve_static};

fn local_metrics(directory: &Arc<PortDirectory>) -> Rc<LocalMetrics> {
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
    let service = Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 10].into(), vec![spec]);
    let port = Arc::clone(&resolve_static(&service, &[]).ports[0]);
    LocalMetrics::new(Arc::new(PortMetrics::new(&port, directory)))
}

/// Counts two connections that an endpoint accepted, one at the second attempt, and relays over them; returns the one that
/// has not ended.
fn two_connections(unflushed: &Rc<UnflushedMetrics>, local_metrics: &Rc<LocalMetrics>) -> ActiveSession {
    let [first, second] = [(); 2].map(|()| ActiveSession::new(unflushed, local_metrics));
    unflushed.not_connected(local_metrics, Closed::ConnectRefused);
    unflushed.retried(local_metrics);
    for _ in 0..2 {
        unflushed.connected(local_metrics, Duration::from_micros(300));
        unflushed.bytes(local_metrics, Direction::ToEndpoint, 64);
        unflushed.bytes(local_metrics, Direction::ToClient, 32);
    }
    first.end(Closed::Finished);
    unflushed.lasted(local_metrics, Duration::from_millis(20));
    second
}

/// Opened, ended, active, bytes each way, connected, failed attempts, retries and durations.
fn counts(series: &PortSeries) -> [u64; 9] {
    let bytes = [PortCount::BytesToEndpoint, PortCount::BytesToClient].map(|what| series.count(what));
    [
        series.count(PortCount::Opened),
        series.count_by_reason(ReasonCount::Closed, Closed::Finished),
        series.active(),
        bytes[0],
        bytes[1],
        series.connect_times().count(),
        series.count_by_reason(ReasonCount::NotConnected, Closed::ConnectRefused),
        series.count(PortCount::Retried),
        series.durations().count(),
    ]
}

#[test]
fn connections_write_to_nothing_shared_before_the_second_is_over() {
    let directory = Arc::<PortDirectory>::default();
    let (unflushed, local_metrics) = (UnflushedMetrics::new(), local_metrics(&directory));
    let live = two_connections(&unflushed, &local_metrics);
    assert!(directory.list(Instant::now()).is_empty(), "not even the port is listed");
    unflushed.flush();
    let series = Arc::clone(&directory.list(Instant::now())[0]);
    let flushed = [2, 1, 1, 128, 64, 2, 1, 1, 1];
    assert_eq!(counts(&series), flushed);
    unflushed.flush();
    assert_eq!(counts(&series), flushed, "nothing is left");
    live.end(Closed::Finished);
    unflushed.flush();
    assert_eq!((series.active(), series.connect_times().sum()), (0, Duration::from_micros(600)));
}

#[test]
fn what_is_counted_when_a_worker_ends_is_not_lost() {
    let directory = Arc::<PortDirectory>::default();
    let (unflushed, local_metrics) = (UnflushedMetrics::new(), local_metrics(&directory));
    let live = two_connections(&unflushed, &local_metrics);
    let metrics = Arc::clone(&local_metrics.metrics);
    drop((unflushed, local_metrics));
    drop(live);
    let series = Arc::clone(&directory.list(Instant::now())[0]);
    assert_eq!(counts(&series), [2, 1, 0, 128, 64, 2, 1, 1, 1]);
    assert_eq!(series.count_by_reason(ReasonCount::Closed, Closed::Drained), 1);
    metrics.retire();
    let later = Instant::now() + Duration::from_secs(10);
    assert!(directory.list(later).is_empty(), "the Service is gone");
}
