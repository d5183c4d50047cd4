//! What does a change of one EndpointSlice cost, and does the number of other Services matter?

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use kube::core::WatchEvent;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use weir_bench::{Cluster, NodeMode, SERVICES, sizes};
use weir_control::{
    Event, Scope, Store,
    translate::{Translate, Translation, translate},
};
use weir_core::{Changes, Snapshot};
use weir_testkit::load::Fleet;

fn main() {
    let mut criterion = weir_bench::criterion();
    decode(&mut criterion);
    one_slice(&mut criterion);
    one_slice_served(&mut criterion);
    criterion.final_summary();
}

/// Measures from a line of a watch to the event for the store.
fn decode(criterion: &mut Criterion) {
    let objects = Fleet::new(1, 10).workload(0).objects();
    let line = |object: &Value| json!({ "type": "MODIFIED", "object": object }).to_string();
    let mut group = criterion.benchmark_group("apply/decode");
    let [service, slice] = [&objects[0], &objects[1]].map(line);
    group.throughput(Throughput::Bytes(service.len() as u64));
    group.bench_function("service", |bencher| bencher.iter(|| decoded::<Service>(&service)));
    group.throughput(Throughput::Bytes(slice.len() as u64));
    group.bench_function("slice-of-10", |bencher| bencher.iter(|| decoded::<EndpointSlice>(&slice)));
}

/// Decodes a line of a watch as kube's watcher does, and translates the object as weir does.
fn decoded<T: Translate + DeserializeOwned + Clone>(line: &str) -> Translation {
    match serde_json::from_str::<WatchEvent<T>>(line) {
        Ok(WatchEvent::Modified(object)) => translate(&object, &Scope::default()),
        other => panic!("not a change: {:?}", other.err()),
    }
}

/// Measures from the event to the changes for the data plane. An endpoint alternately becomes ready and unready.
fn one_slice(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply/one-slice");
    for &services in sizes(&SERVICES) {
        let mut watched = Watched::start(services);
        let mut served = watched.list();
        let mut next = watched.changes();
        group.bench_function(BenchmarkId::from_parameter(services), |bencher| {
            let apply = |event| {
                let snapshot = watched.change(event);
                let changes = Changes::between(&served, &snapshot);
                assert_eq!(changes.changed.len(), 1);
                served = snapshot;
                changes
            };
            bencher.iter_batched(&mut next, apply, BatchSize::SmallInput);
        });
    }
}

/// Measures from the event until every worker hands new connections to the new set of endpoints: all of weir's part.
fn one_slice_served(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply/one-slice-served");
    for &services in sizes(&SERVICES) {
        let Some(mut proxy) = NodeMode::start() else { return };
        let mut watched = Watched::start(services);
        proxy.apply(&watched.list());
        let mut next = watched.changes();
        group.bench_function(BenchmarkId::from_parameter(services), |bencher| {
            let apply = |event| proxy.apply(&watched.change(event));
            bencher.iter_batched(&mut next, apply, BatchSize::SmallInput);
        });
    }
}

/// A store that has listed everything.
struct Watched {
    cluster: Cluster,
    store: Store,
}

impl Watched {
    fn start(services: u32) -> Self {
        Self { cluster: Cluster { services }, store: Store::new("node-1") }
    }

    fn list(&mut self) -> Snapshot {
        self.cluster.events().into_iter().for_each(|event| self.store.apply(event));
        self.store.commit().snapshot
    }

    /// Changes that each differ from the last one.
    fn changes(&self) -> impl FnMut() -> Event + use<> {
        let (cluster, mut ready) = (self.cluster, true);
        move || {
            ready = !ready;
            cluster.change(ready)
        }
    }

    fn change(&mut self, event: Event) -> Snapshot {
        self.store.apply(event);
        let commit = self.store.commit();
        assert_eq!((commit.visited, commit.changed), (1, true));
        commit.snapshot
    }
}
