//! What does a change of one EndpointSlice cost, and does the number of other Services matter?

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode};
use weir_bench::Cluster;
use weir_control::{Event, Store};
use weir_core::{Changes, Snapshot};

fn main() {
    let mut criterion = weir_bench::criterion();
    one_slice(&mut criterion);
    everything(&mut criterion);
    criterion.final_summary();
}

/// From the event to what the data plane has to do. An endpoint becomes ready and unready in turn.
fn one_slice(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply/one-slice");
    for services in [10, 1_000, 10_000] {
        let cluster = Cluster { services };
        let mut store = Store::new("node-1");
        let mut served = list(&mut store, cluster.events());
        let mut ready = true;
        let mut next = || {
            ready = !ready;
            cluster.change(ready)
        };
        group.bench_function(BenchmarkId::from_parameter(services), |bencher| {
            let apply = |event| {
                store.apply(event);
                let commit = store.commit();
                let changes = Changes::between(&served, &commit.snapshot);
                assert_eq!((commit.visited, changes.changed.len()), (1, 1));
                served = commit.snapshot;
                changes
            };
            bencher.iter_batched(&mut next, apply, BatchSize::SmallInput);
        });
    }
}

/// What a start costs: all Services of a large cluster at once.
fn everything(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply/everything");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    let cluster = Cluster { services: 10_000 };
    group.bench_function(BenchmarkId::from_parameter(cluster.services), |bencher| {
        let apply = |events| {
            let mut store = Store::new("node-1");
            let snapshot = list(&mut store, events);
            (store, snapshot)
        };
        bencher.iter_batched(|| cluster.events(), apply, BatchSize::PerIteration);
    });
}

fn list(store: &mut Store, events: Vec<Event>) -> Snapshot {
    events.into_iter().for_each(|event| store.apply(event));
    store.commit().snapshot
}
