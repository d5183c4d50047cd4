//! Does what a worker counts reach the metrics all at once, and all of it?

use super::*;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use std::{
    num::NonZeroU16,
    sync::atomic::{
        AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
};
use weir_core::{PortSpec, Protocol, Service, ServiceKey, resolve_static};

/// Counts what is written to all metrics, and how often.
#[derive(Default)]
struct Written {
    writes: AtomicU64,
    counted: AtomicU64,
    active: AtomicU64,
    connects: AtomicU64,
}

struct Spy(Arc<Written>);

impl CounterFn for Written {
    fn increment(&self, value: u64) {
        self.writes.fetch_add(1, SeqCst);
        self.counted.fetch_add(value, SeqCst);
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for Written {
    fn increment(&self, value: f64) {
        self.writes.fetch_add(1, SeqCst);
        self.active.fetch_add(value as i64 as u64, SeqCst);
    }

    fn decrement(&self, value: f64) {
        GaugeFn::increment(self, -value);
    }

    fn set(&self, _: f64) {}
}

impl HistogramFn for Written {
    fn record(&self, _: f64) {
        self.writes.fetch_add(1, SeqCst);
        self.connects.fetch_add(1, SeqCst);
    }
}

impl Recorder for Spy {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(&self.0))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::clone(&self.0))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(&self.0))
    }
}

fn local_metrics() -> Rc<LocalMetrics> {
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
    let service = Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 10].into(), vec![spec]);
    let port = Arc::clone(&resolve_static(&service, &[]).ports[0]);
    LocalMetrics::new(Arc::new(PortMetrics::new(&port)))
}

/// Counts two connections that an endpoint accepted, and relays over them; returns the one that has not ended.
fn two_connections(unflushed: &Rc<UnflushedMetrics>, local_metrics: &Rc<LocalMetrics>) -> ActiveSession {
    let [first, second] = [(); 2].map(|()| ActiveSession::new(unflushed, local_metrics));
    for _ in 0..2 {
        unflushed.connected(Duration::from_micros(300));
        unflushed.bytes(local_metrics, Direction::ToEndpoint, 64);
        unflushed.bytes(local_metrics, Direction::ToClient, 64);
    }
    first.end(Closed::Finished);
    second
}

#[test]
fn connections_write_to_no_shared_metric_before_the_second_is_over_and_few_times_then() {
    let written = Arc::<Written>::default();
    metrics::with_local_recorder(&Spy(Arc::clone(&written)), || {
        let (unflushed, local_metrics) =
            (UnflushedMetrics::new(&ProcessMetrics::register()), local_metrics());
        let live = two_connections(&unflushed, &local_metrics);
        assert_eq!(written.writes.load(SeqCst), 0);
        unflushed.flush();
        // Opened 2, ended 1, bytes 2 x 128, connected 2.
        assert_eq!(written.counted.load(SeqCst), 2 + 1 + 256 + 2);
        assert_eq!((written.active.load(SeqCst), written.connects.load(SeqCst)), (1, 2));
        let writes = written.writes.load(SeqCst);
        unflushed.flush();
        assert_eq!(written.writes.load(SeqCst), writes, "nothing is left");
        live.end(Closed::Finished);
        unflushed.flush();
        assert_eq!(written.active.load(SeqCst), 0);
    });
}

#[test]
fn what_is_counted_when_a_worker_ends_is_not_lost() {
    let written = Arc::<Written>::default();
    metrics::with_local_recorder(&Spy(Arc::clone(&written)), || {
        let (unflushed, local_metrics) =
            (UnflushedMetrics::new(&ProcessMetrics::register()), local_metrics());
        let live = two_connections(&unflushed, &local_metrics);
        drop((unflushed, local_metrics));
        drop(live);
        assert_eq!((written.counted.load(Relaxed), written.active.load(Relaxed)), (2 + 2 + 256 + 2, 0));
    });
}
