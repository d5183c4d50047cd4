//! Does the store reach the same Snapshot on every way, and look only at what a change is about?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::event;
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use proptest::prelude::*;
use serde_json::json;
use std::sync::LazyLock;
use weir_control::{Event, Kind, ObjectKey, Store};
use weir_core::Snapshot;

/// The objects of every golden vector: of each, its node, Services and slices.
static CASES: LazyLock<Vec<(String, Vec<Event>)>> = LazyLock::new(|| {
    let mut cases = Vec::new();
    for file in ["curated.json", "random.json"] {
        for case in golden::cases(file) {
            let node = &case["node"];
            let mut events = Vec::new();
            if node["name"] != "" {
                let node = json!({ "metadata": { "name": node["name"], "labels": node["labels"] } });
                events.push(event::<Node>(&node));
            }
            events.extend(golden::events::<Service>(&case["services"]));
            events.extend(golden::events::<EndpointSlice>(&case["endpointSlices"]));
            cases.push((node["name"].as_str().unwrap().to_owned(), events));
        }
    }
    cases
});

fn key(event: &Event) -> Option<&ObjectKey> {
    match event {
        Event::Put(key, _) | Event::Keep(key) | Event::Delete(key) => Some(key),
        Event::Begin(_) | Event::Complete(_) => None,
    }
}

/// Applies events, with commits after those whose position is in `commits`.
fn converge(node: &str, events: &[Event], commits: &[usize]) -> Snapshot {
    let mut store = Store::new(node);
    for (position, event) in events.iter().enumerate() {
        store.apply(event.clone());
        if commits.contains(&position) {
            store.commit();
        }
    }
    store.commit().snapshot
}

/// A golden vector whose keys are all different, so that order may not matter.
fn case() -> impl Strategy<Value = (String, Vec<Event>)> {
    any::<prop::sample::Index>().prop_map(|index| {
        let (node, events) = index.get(&CASES).clone();
        let mut seen = std::collections::HashSet::new();
        let events = events.into_iter().filter(|event| seen.insert(key(event).cloned())).collect();
        (node, events)
    })
}

proptest! {
    #[test]
    fn any_order_of_the_same_objects_gives_the_same_snapshot(
        ((node, events), shuffled, commits) in case().prop_flat_map(|(node, events)| {
            let shuffled = Just(events.clone()).prop_shuffle();
            (Just((node, events)), shuffled, proptest::collection::vec(0usize..20, 0..5))
        })
    ) {
        prop_assert_eq!(converge(&node, &events, &[]), converge(&node, &shuffled, &commits));
    }

    #[test]
    fn a_new_list_that_leaves_objects_out_gives_what_never_having_had_them_gives(
        ((node, events), left_out) in (case(), any::<u64>())
    ) {
        let stays = |position: usize, event: &Event| {
            let node = key(event).is_some_and(|key| key.kind == Kind::Node);
            node || left_out >> (position % 64) & 1 == 0
        };
        let kept: Vec<Event> = events
            .iter()
            .enumerate()
            .filter(|(position, event)| stays(*position, event))
            .map(|(_, event)| event.clone())
            .collect();
        let mut store = Store::new(&node);
        events.into_iter().for_each(|event| store.apply(event));
        let all = store.commit().snapshot;
        Kind::ALL.into_iter().for_each(|kind| store.apply(Event::Begin(kind)));
        kept.iter().for_each(|event| store.apply(event.clone()));
        prop_assert_eq!(&store.commit().snapshot, &all, "nothing goes before the list is complete");
        Kind::ALL.into_iter().for_each(|kind| store.apply(Event::Complete(kind)));
        prop_assert_eq!(store.commit().snapshot, converge(&node, &kept, &[]));
    }
}

#[test]
fn a_change_of_one_slice_visits_one_service_of_a_thousand() {
    let slice = |service: u32, address: &str| {
        event::<EndpointSlice>(&json!({
            "metadata": { "name": format!("web-{service}-1"), "namespace": "default",
                "labels": { "kubernetes.io/service-name": format!("web-{service}") } },
            "addressType": "IPv4",
            "ports": [{ "name": "", "port": 8080 }],
            "endpoints": [{ "addresses": [address] }],
        }))
    };
    let mut store = Store::new("node");
    for number in 0..1000 {
        store.apply(event::<Service>(&json!({
            "metadata": { "name": format!("web-{number}"), "namespace": "default" },
            "spec": { "clusterIP": "10.96.0.1", "ports": [{ "port": 80 }] },
        })));
        store.apply(slice(number, "10.0.0.1"));
    }
    let first = store.commit();
    assert_eq!((first.visited, first.snapshot.services().count()), (1000, 1000));

    store.apply(slice(500, "10.0.0.2"));
    let second = store.commit();
    assert_eq!((second.visited, second.changed), (1, true));
    let changes = weir_core::Changes::between(&first.snapshot, &second.snapshot);
    assert_eq!(changes.changed.len(), 1);

    store.apply(slice(500, "10.0.0.2"));
    let third = store.commit();
    assert_eq!((third.visited, third.changed), (1, false));
}
