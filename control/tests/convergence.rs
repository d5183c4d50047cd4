//! Does the store reach the same Snapshot on every way, and look only at what a change is about? (semantics B1)

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::event;
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use proptest::prelude::*;
use serde_json::json;
use std::{
    sync::{Arc, LazyLock},
    time::SystemTime,
};
use weir_control::{
    Event, Kind, ObjectKey, Store,
    disk::{Identity, StateMetadata, decode, encode},
};
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

/// One thing that happens to a cluster or to the watch of one of its kinds.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// An object of the kind gets this version; its watch tells it so many times.
    Put {
        kind: Kind,
        name: u8,
        version: u8,
        times: usize,
    },
    Delete {
        kind: Kind,
        name: u8,
    },
    /// The watch delivers what waits. Until then the other kind may be ahead.
    Deliver(Kind),
    /// What waits is lost, and the list begins anew, as after a 410.
    Relist(Kind),
    Commit,
    /// weir ends and starts again from what it has saved; each watch begins with a list.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = || prop_oneof![Just(Kind::Service), Just(Kind::EndpointSlice)];
    prop_oneof![
        6 => (kind(), 0u8..4, 0u8..4, 1usize..3)
            .prop_map(|(kind, name, version, times)| Step::Put { kind, name, version, times }),
        3 => (kind(), 0u8..4).prop_map(|(kind, name)| Step::Delete { kind, name }),
        3 => kind().prop_map(Step::Deliver),
        1 => kind().prop_map(Step::Relist),
        2 => Just(Step::Commit),
        1 => Just(Step::Restart),
    ]
}

fn object(kind: Kind, name: u8, version: u8) -> Event {
    match kind {
        Kind::Service => event::<Service>(&json!({
            "metadata": { "name": format!("web-{name}"), "namespace": "default" },
            "spec": { "clusterIP": format!("10.96.0.{}", name + 1), "ports": [{ "port": 80 + version }] },
        })),
        // A slice may change its owner.
        _ => event::<EndpointSlice>(&json!({
            "metadata": { "name": format!("slice-{name}"), "namespace": "default",
                "labels": { "kubernetes.io/service-name": format!("web-{}", (name + version / 2) % 4) } },
            "addressType": "IPv4",
            "ports": [{ "name": "", "port": 8080 }],
            "endpoints": [{ "addresses": [format!("10.0.{version}.{}", name + 1)] }],
        })),
    }
}

/// A cluster as it is, and what its watches have yet to tell.
#[derive(Default)]
struct Watched {
    truth: std::collections::BTreeMap<(bool, u8), Event>,
    waiting: [Vec<Event>; 2],
    /// Kinds whose watch has not listed since the restart.
    unlisted: Vec<Kind>,
}

/// A store that has only what another one's state says.
fn restarted(store: &mut Store) -> Store {
    let identity = Identity {
        api_server: "https://192.0.2.1".into(),
        node_name: "node".into(),
        service_proxy_name: None,
    };
    let about = StateMetadata { saved: SystemTime::UNIX_EPOCH, identity, defaults: Arc::default() };
    let (_, events) = decode(&encode(&about, &store.state())).unwrap();
    let mut next = Store::new("node");
    events.into_iter().for_each(|event| next.apply(event));
    assert_eq!(next.commit().snapshot, store.commit().snapshot, "a restart changes nothing");
    next
}

impl Watched {
    fn of(&mut self, kind: Kind) -> &mut Vec<Event> {
        &mut self.waiting[usize::from(kind == Kind::Service)]
    }

    fn list(&self, kind: Kind) -> Vec<Event> {
        let objects = self.truth.iter().filter(|((service, _), _)| *service == (kind == Kind::Service));
        let mut events = vec![Event::Begin(kind)];
        events.extend(objects.map(|(_, event)| event.clone()));
        events.push(Event::Complete(kind));
        events
    }

    fn go(&mut self, step: Step, store: &mut Store) {
        match step {
            Step::Put { kind, name, version, times } => {
                let event = object(kind, name, version);
                self.of(kind).extend(std::iter::repeat_n(event.clone(), times));
                self.truth.insert((kind == Kind::Service, name), event);
            }
            Step::Delete { kind, name } => {
                if let Some(gone) = self.truth.remove(&(kind == Kind::Service, name)) {
                    self.of(kind).push(Event::Delete(key(&gone).unwrap().clone()));
                }
            }
            Step::Deliver(kind) if !self.unlisted.contains(&kind) => {
                self.of(kind).drain(..).for_each(|event| store.apply(event));
            }
            Step::Deliver(kind) | Step::Relist(kind) => {
                self.unlisted.retain(|&unlisted| unlisted != kind);
                self.of(kind).clear();
                self.list(kind).into_iter().for_each(|event| store.apply(event));
            }
            Step::Commit => drop(store.commit()),
            Step::Restart => {
                *store = restarted(store);
                self.unlisted = vec![Kind::Service, Kind::EndpointSlice];
            }
        }
    }
}

proptest! {
    #[test]
    fn any_history_of_watches_and_restarts_ends_in_what_a_fresh_list_gives(
        steps in proptest::collection::vec(step(), 0..60)
    ) {
        let (mut watched, mut store) = (Watched::default(), Store::new("node"));
        steps.into_iter().for_each(|step| watched.go(step, &mut store));
        let kinds = [Kind::EndpointSlice, Kind::Service];
        kinds.into_iter().for_each(|kind| watched.go(Step::Deliver(kind), &mut store));
        let mut fresh = Store::new("node");
        kinds.into_iter().for_each(|kind| watched.go(Step::Relist(kind), &mut fresh));
        let (ended, listed) = (store.commit().snapshot, fresh.commit().snapshot);
        prop_assert_eq!(ended.services().collect::<Vec<_>>(), listed.services().collect::<Vec<_>>());
    }
}
