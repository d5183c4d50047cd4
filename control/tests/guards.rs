//! Are special addresses refused as if they had never been named, and is that told once?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::event;
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{net::IpAddr, sync::LazyLock};
use weir_control::{Event, Kind, Object, ObjectKey, Store};
use weir_core::{
    EndpointSet, ServiceKey, ServicePort, Snapshot,
    guards::{GuardRules, Refusal, VirtualIps},
};

fn service() -> Event {
    event::<Service>(&json!({
        "metadata": { "name": "web" },
        "spec": { "clusterIP": "10.96.0.1", "ports": [{ "port": 80 }], "externalIPs": ["127.0.0.1", "203.0.113.1"] },
    }))
}

fn slice(name: &str, endpoints: Value) -> Event {
    event::<EndpointSlice>(&json!({
        "metadata": { "name": name, "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4", "ports": [{ "name": "", "port": 8080 }], "endpoints": endpoints,
    }))
}

/// External IPs are allowed everywhere: those are looked at elsewhere.
fn rules() -> GuardRules {
    let virtual_ips = VirtualIps {
        allowed_external_ips: ["0.0.0.0/0", "::/0"].map(|text| text.parse().unwrap()).into(),
        ..Default::default()
    };
    let refused_endpoints = vec!["198.18.7.0/24".parse().unwrap()];
    GuardRules { virtual_ips, refused_endpoints, ..GuardRules::default() }
}

fn gone(kind: Kind, name: &str) -> Event {
    Event::Delete(ObjectKey::new(kind, "default", name))
}

fn port(snapshot: &Snapshot) -> ServicePort {
    ServicePort::clone(&snapshot.get(&ServiceKey::new("default", "web")).unwrap().ports[0])
}

fn addresses(set: Option<&EndpointSet>) -> Vec<String> {
    set.into_iter().flat_map(EndpointSet::iter).map(|endpoint| endpoint.address.to_string()).collect()
}

#[test]
fn a_refused_endpoint_does_not_count_as_one() {
    let mut store = Store::new("node").with_guards(Some(rules()));
    store.apply(service());
    let terminating = json!({ "ready": false, "serving": true, "terminating": true });
    let stand_in = json!({ "addresses": ["10.0.0.1"], "conditions": terminating });
    store.apply(slice("a", json!([{ "addresses": ["127.0.0.1"] }, stand_in])));
    let with_stand_in = port(&store.commit().snapshot);
    assert_eq!(addresses(with_stand_in.cluster.as_ref()), ["10.0.0.1:8080"], "nothing else is ready");
    assert_eq!(*with_stand_in.external_ips, ["203.0.113.1".parse::<IpAddr>().unwrap()]);
    store.apply(slice("a", json!([{ "addresses": ["169.254.169.254"] }, { "addresses": ["198.18.7.7"] }])));
    let without = port(&store.commit().snapshot);
    assert_eq!((addresses(without.cluster.as_ref()), without.has_any), (vec![], false));
}

#[test]
fn without_guards_every_address_counts() {
    let mut store = Store::new("node");
    store.apply(service());
    store.apply(slice("a", json!([{ "addresses": ["127.0.0.1"] }])));
    let commit = store.commit();
    assert_eq!(addresses(port(&commit.snapshot).cluster.as_ref()), ["127.0.0.1:8080"]);
    assert!(commit.refusals.is_empty());
}

#[test]
fn refused_addresses_are_reported_when_they_change_and_each_address_is_new_once() {
    let mut store = Store::new("node").with_guards(Some(rules()));
    store.apply(slice("a", json!([{ "addresses": ["127.0.0.1"] }, { "addresses": ["127.0.0.2"] }])));
    assert!(store.commit().refusals.is_empty(), "it belongs to nobody yet");
    store.apply(service());
    let [told] = &store.commit().refusals[..] else { panic!() };
    assert_eq!((told.refused.len(), told.new.len()), (3, 3));
    let problems: Vec<String> = told.problems().values().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "Service default/web: endpoints: 127.0.0.1 (and 1 more) is a loopback address, which is not dialled (--guards)",
            "Service default/web: addresses: 127.0.0.1 is a loopback address, which is not served (--guards)",
        ]
    );

    store.apply(slice("b", json!([{ "addresses": ["127.0.0.1"] }, { "addresses": ["10.0.0.1"] }])));
    let commit = store.commit();
    assert_eq!((commit.visited, commit.refusals), (1, vec![]), "it is refused already");
    store.apply(slice("b", json!([{ "addresses": ["224.0.0.1"] }])));
    let [told] = &store.commit().refusals[..] else { panic!() };
    assert_eq!(told.new.iter().map(|(_, reason, _)| *reason).collect::<Vec<_>>(), [Refusal::Multicast]);

    store.apply(gone(Kind::EndpointSlice, "b"));
    store.apply(gone(Kind::Service, "web"));
    let [told] = &store.commit().refusals[..] else { panic!() };
    assert!(told.refused.is_empty() && told.problems().is_empty());
    store.apply(service());
    assert_eq!(store.commit().refusals[0].new.len(), 3, "a new Service is told of again");
}

#[test]
fn what_is_refused_now_is_told_with_the_objects_however_long_ago_it_was_reported() {
    let mut store = Store::new("node").with_guards(Some(rules()));
    store.apply(service());
    store.apply(slice("a", json!([{ "addresses": ["127.0.0.1"] }])));
    let reported = store.commit().refusals[0].refused.clone();
    let before = store.objects();
    assert!(store.commit().refusals.is_empty(), "nothing has changed");
    let [told] = &store.objects().refusals()[..] else { panic!() };
    assert_eq!((&told.refused, &*told.service.name), (&reported, "web"));
    store.apply(gone(Kind::Service, "web"));
    store.commit();
    assert!(store.objects().refusals().is_empty());
    assert_eq!(before.refusals().len(), 1, "who looks meanwhile sees what was");
    assert!(Store::new("node").objects().refusals().is_empty());
}

/// Services and slices of every golden vector, their first addresses at times replaced by special ones.
static OBJECTS: LazyLock<Vec<(String, Vec<Event>)>> = LazyLock::new(|| {
    let case = |case: Value| {
        let name = case["node"]["name"].as_str().unwrap().to_owned();
        let mut events = golden::events::<Service>(&case["services"]);
        events.extend(golden::events::<EndpointSlice>(&case["endpointSlices"]));
        if !name.is_empty() {
            let node = json!({ "metadata": { "name": name, "labels": case["node"]["labels"] } });
            events.push(event::<Node>(&node));
        }
        (name, events)
    };
    golden::cases("curated.json").into_iter().chain(golden::cases("random.json")).map(case).collect()
});

const SPECIAL: [&str; 6] = ["127.0.0.1", "0.0.0.0", "169.254.0.1", "224.0.0.1", "255.255.255.255", "fe80::1"];

proptest! {
    #[test]
    fn what_is_served_is_what_would_be_without_the_refused_endpoints(
        index in any::<prop::sample::Index>(), choice in any::<u64>(),
    ) {
        let (node, events) = index.get(&OBJECTS);
        let (mut guarded, mut clean) = (Store::new(node).with_guards(Some(rules())), Store::new(node));
        let mut number = 0;
        for event in events {
            let (mut special, mut without) = (event.clone(), event.clone());
            if let (Event::Put(_, Object::EndpointSlice(special)), Event::Put(_, Object::EndpointSlice(without))) =
                (&mut special, &mut without)
            {
                without.endpoints.clear();
                for endpoint in &mut special.endpoints {
                    number += 1;
                    if choice >> (number % 64) & 1 == 1 {
                        endpoint.ip = SPECIAL[number % SPECIAL.len()].parse().unwrap();
                    } else {
                        without.endpoints.push(endpoint.clone());
                    }
                }
            }
            guarded.apply(special);
            clean.apply(without);
        }
        prop_assert_eq!(guarded.commit().snapshot, clean.commit().snapshot);
    }
}
