//! What does a start cost: all Services of a large cluster at once?

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode};
use weir_bench::{Cluster, LARGE, NodeMode, sizes};
use weir_control::{Event, Store};
use weir_core::Snapshot;

fn main() {
    let mut criterion = weir_bench::criterion();
    everything(&mut criterion);
    everything_served(&mut criterion);
    criterion.final_summary();
}

/// From the events of both lists to the Snapshot.
fn everything(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cold-start/snapshot");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for &services in sizes(&LARGE) {
        let cluster = Cluster { services };
        group.bench_function(BenchmarkId::from_parameter(services), |bencher| {
            bencher.iter_batched(|| cluster.events(), list, BatchSize::PerIteration);
        });
    }
}

/// From the Snapshot until every worker serves all of it.
fn everything_served(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cold-start/served");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for &services in sizes(&LARGE) {
        let (_store, snapshot) = list(Cluster { services }.events());
        if NodeMode::start().is_none() {
            return;
        }
        group.bench_function(BenchmarkId::from_parameter(services), |bencher| {
            let proxy = || NodeMode::start().expect("the last one could be started");
            let apply = |mut proxy: NodeMode| {
                proxy.apply(&snapshot);
                proxy
            };
            bencher.iter_batched(proxy, apply, BatchSize::PerIteration);
        });
    }
}

fn list(events: Vec<Event>) -> (Store, Snapshot) {
    let mut store = Store::new("node-1");
    events.into_iter().for_each(|event| store.apply(event));
    let snapshot = store.commit().snapshot;
    (store, snapshot)
}
