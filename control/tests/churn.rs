//! Does what is served after any churn of a large cluster equal what a fresh list gives?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use serde_json::Value;
use weir_control::{Event, Kind, ObjectKey, Scope, Store, translate::translate};
use weir_core::Snapshot;
use weir_testkit::{
    ApiServer, Resource,
    load::{Churn, Fleet, Shares, Write},
};

const FLEET: u32 = 300;
const WRITES: usize = 5_000;

/// All kinds of Services.
fn fleet() -> Fleet {
    Fleet { shares: Shares { node_ports: 20, udp: 10, dual_stack: 30 }, ..Fleet::new(FLEET, 4) }
}

/// What a source makes of an object.
fn event(object: Value) -> Event {
    let scope = Scope::default();
    let translation = match object["kind"].as_str() {
        Some("Service") => translate(&serde_json::from_value::<Service>(object).unwrap(), &scope),
        _ => translate(&serde_json::from_value::<EndpointSlice>(object).unwrap(), &scope),
    };
    assert!(translation.problems.is_empty(), "{:?}", translation.problems);
    translation.event
}

fn of(write: Write) -> Event {
    match write {
        Write::Apply(object) => event(object),
        Write::Delete(resource, namespace, name) => {
            let kind = if resource == Resource::Services { Kind::Service } else { Kind::EndpointSlice };
            Event::Delete(ObjectKey::new(kind, namespace, name))
        }
    }
}

/// What a fresh list of these objects gives.
fn listed(objects: impl Iterator<Item = Value>) -> Store {
    let mut store = Store::new("node");
    let kinds = [Kind::Service, Kind::EndpointSlice];
    kinds.into_iter().for_each(|kind| store.apply(Event::Begin(kind)));
    objects.for_each(|object| store.apply(event(object)));
    kinds.into_iter().for_each(|kind| store.apply(Event::Complete(kind)));
    store
}

fn assert_same(one: &Snapshot, other: &Snapshot) {
    assert!(one.services().count() > FLEET as usize / 2, "almost nothing is served");
    for (served, wanted) in one.services().zip(other.services()) {
        assert_eq!(served, wanted);
    }
    assert_eq!(one.services().count(), other.services().count());
}

#[test]
fn after_any_churn_the_store_serves_what_a_fresh_list_gives() {
    for seed in 0..4 {
        let mut churn = Churn::new(fleet(), seed);
        let mut store = listed(fleet().objects());
        store.commit();
        for (count, write) in churn.by_ref().take(WRITES).enumerate() {
            store.apply(of(write));
            if count % 97 == 0 {
                store.commit();
            }
        }
        churn.remaining_writes().for_each(|write| store.apply(of(write)));
        assert_same(&store.commit().snapshot, &listed(churn.objects()).commit().snapshot);
    }
}

#[tokio::test]
async fn after_any_churn_the_test_server_lists_what_there_is() {
    let server = ApiServer::start().await.unwrap();
    fleet().objects().for_each(|object| _ = server.apply(object).unwrap());
    let mut churn = Churn::new(fleet(), 9);
    churn.by_ref().take(WRITES).for_each(|write| write.apply(&server).unwrap());
    churn.remaining_writes().for_each(|write| write.apply(&server).unwrap());
    let objects = [Resource::Services, Resource::EndpointSlices].map(|resource| server.objects(resource));
    let there = listed(objects.into_iter().flatten()).commit().snapshot;
    assert_same(&there, &listed(churn.objects()).commit().snapshot);
}
