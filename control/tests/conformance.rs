//! Does weir select exactly what kube-proxy selects? Every golden vector, through translation and the store.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::{cases, event, events};
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use serde_json::{Value, json};
use weir_control::{Commit, Event, Kind, ObjectKey, Store};
use weir_core::{ResolveReport, Snapshot};

#[test]
fn every_curated_case_gives_kube_proxys_answer() {
    check_states("curated.json", 250);
}

#[test]
fn every_random_case_gives_kube_proxys_answer() {
    check_states("random.json", 500);
}

#[test]
fn every_step_of_every_sequence_gives_kube_proxys_answer_through_the_incremental_path() {
    let mut failures = Vec::new();
    let cases = cases("sequences.json");
    assert!(cases.len() >= 75, "vectors are missing");
    for case in &cases {
        let mut store = store(case);
        store.commit();
        for (step, expected) in case["steps"].as_array().unwrap().iter().enumerate() {
            let ops = step_ops(expected);
            for op in ops {
                apply_op(&mut store, case, op);
            }
            let commit = store.commit();
            assert_visits_are_few(&commit, ops, case);
            failures.extend(mismatch(
                &format!("{} step {step}", case["id"]),
                &commit.snapshot,
                &expected["expect"],
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} sequences fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// Every op but a change of the node's zone names one Service, or moves one slice between two.
fn assert_visits_are_few(commit: &Commit, ops: &[Value], case: &Value) {
    if ops.iter().all(|op| op["op"] != "nodeLabels") {
        assert!(
            commit.visited <= 2 * ops.len(),
            "{}: {} ops visited {} Services",
            case["id"],
            ops.len(),
            commit.visited
        );
    }
}

fn check_states(file: &str, at_least: usize) {
    let cases = cases(file);
    assert!(cases.len() >= at_least, "vectors are missing");
    let mut failures = Vec::new();
    for case in &cases {
        // Arrival order must not matter: once as listed, once backwards with the slices first.
        for backwards in [false, true] {
            let mut store = store(case);
            let mut events = events::<Service>(&case["services"]);
            events.extend(events_of_slices(case));
            if backwards {
                events.reverse();
            }
            events.into_iter().for_each(|event| store.apply(event));
            let label = format!("{}{}", case["id"], if backwards { " backwards" } else { "" });
            failures.extend(mismatch(&label, &store.commit().snapshot, &case["expect"]));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

fn store(case: &Value) -> Store {
    let mut store = Store::new(case["node"]["name"].as_str().unwrap());
    put_node(&mut store, case, &case["node"]["labels"]);
    store
}

fn put_node(store: &mut Store, case: &Value, labels: &Value) {
    let name = &case["node"]["name"];
    if name != "" {
        store.apply(event::<Node>(&json!({ "metadata": { "name": name, "labels": labels } })));
    }
}

fn events_of_slices(case: &Value) -> Vec<Event> {
    events::<EndpointSlice>(&case["endpointSlices"])
}

fn step_ops(step: &Value) -> &[Value] {
    step["ops"].as_array().map_or(&[], Vec::as_slice)
}

fn apply_op(store: &mut Store, case: &Value, op: &Value) {
    let key = |kind| ObjectKey::new(kind, op["ns"].as_str().unwrap(), op["name"].as_str().unwrap());
    match op["op"].as_str().unwrap() {
        "service" => store.apply(event::<Service>(&op["service"])),
        "deleteService" => store.apply(Event::Delete(key(Kind::Service))),
        "slice" => store.apply(event::<EndpointSlice>(&op["slice"])),
        "deleteSlice" => store.apply(Event::Delete(key(Kind::EndpointSlice))),
        "nodeLabels" => put_node(store, case, &op["labels"]),
        other => panic!("unknown op {other}"),
    }
}

/// Compares `ports` and `healthChecks` of both families; names the case and the first difference.
fn mismatch(label: &str, snapshot: &Snapshot, expected: &Value) -> Option<String> {
    let resolved = serde_json::to_value(ResolveReport::of(snapshot)).unwrap();
    for family in ["IPv4", "IPv6"] {
        for part in ["ports", "healthChecks"] {
            let empty = json!([]);
            let got = resolved[family].get(part).unwrap_or(&empty);
            let want = expected[family].get(part).unwrap_or(&empty);
            if got != want {
                return Some(format!("{label}: {family} {part}\n  want {want}\n  got  {got}"));
            }
        }
    }
    None
}
