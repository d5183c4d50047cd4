//! Do `weir drain`, `undrain`, `weight` and `kill` ask for what they say, and tell what came of it?

use crate::server::{Answers, Server, example, examples};
use serde_json::{Value, json};

const OVERRIDES: &str = "/api/v1/overrides";

/// Answers of a weir with these overrides, which takes every change.
fn answers(overrides: &[Value]) -> Answers {
    let mut answers = examples();
    let list = json!({"kind": "OverrideList", "metadata": {"continue": null}, "items": overrides});
    answers.insert(OVERRIDES.to_owned(), (200, list.to_string()));
    for known in overrides {
        let path = format!("{OVERRIDES}/{}", known["id"].as_str().unwrap());
        answers.insert(path, (200, known.to_string()));
    }
    answers
}

fn said(id: &str, drain: bool, weight: Option<u16>) -> Value {
    json!({
        "kind": "Override", "id": id, "drain": drain, "weight": weight, "matches": 1, "applied": true, "kept": true,
        "reason": null,
    })
}

/// Bodies of the changes that were asked for.
fn changes(server: &Server) -> Vec<String> {
    server.asked().into_iter().filter(|asked| !asked.starts_with("GET ")).collect()
}

fn body(change: &str) -> Value {
    serde_json::from_str(change.split_once(" {").map(|(_, body)| format!("{{{body}")).unwrap().as_str())
        .unwrap()
}

/// What a command asks to be changed, which finds these overrides. The list of the fake server answers changes, too.
fn asked(arguments: &[&str], overrides: &[Value]) -> (Value, String) {
    let server = Server::answering(answers(overrides));
    let (_, stderr, code) = server.run(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
    let changes = changes(&server);
    assert_eq!(changes.len(), 1, "{changes:?}");
    let request = changes[0].split(" {").next().unwrap().to_owned();
    (if changes[0].contains(" {") { body(&changes[0]) } else { Value::Null }, request)
}

#[test]
fn a_drain_and_a_weight_leave_each_other_alone() {
    let (endpoint, id) = ("10.244.1.7:8080", "endpoint/10.244.1.7:8080");
    let post =
        |drain: bool, weight: Option<u16>| json!({"endpoint": endpoint, "drain": drain, "weight": weight});
    let weighted = said(id, false, Some(7));
    let drained = said(id, true, None);
    let both = said(id, true, Some(7));
    assert_eq!(asked(&["drain", endpoint], &[]), (post(true, None), "POST /api/v1/overrides".into()));
    assert_eq!(asked(&["drain", endpoint], std::slice::from_ref(&weighted)).0, post(true, Some(7)));
    assert_eq!(asked(&["undrain", endpoint], std::slice::from_ref(&both)).0, post(false, Some(7)));
    assert_eq!(asked(&["weight", endpoint, "50"], std::slice::from_ref(&drained)).0, post(true, Some(50)));
    assert_eq!(asked(&["weight", endpoint, "default"], &[both]).0, post(true, None));
    let delete = (Value::Null, format!("DELETE /api/v1/overrides/{id}"));
    assert_eq!(asked(&["undrain", endpoint], &[drained]), delete);
    assert_eq!(asked(&["weight", endpoint, "default"], &[weighted]), delete);
}

#[test]
fn a_node_is_named_as_such_and_an_address_with_its_protocol() {
    let node = json!({"node": "node-b", "drain": true, "weight": null});
    assert_eq!(asked(&["drain", "node-b"], &[]).0, node);
    assert_eq!(asked(&["drain", "node/node-b"], &[]).0, node);
    let endpoint = json!({"endpoint": "10.244.1.7:8080/TCP", "drain": true, "weight": null});
    assert_eq!(asked(&["drain", "10.244.1.7:8080/tcp"], &[]).0, endpoint);
}

#[test]
fn what_is_overridden_can_be_undone_although_its_endpoint_has_gone() {
    let gone = said("endpoint/10.9.9.9:80", true, None);
    let (_, request) = asked(&["undrain", "10.9.9.9:80"], &[gone]);
    assert_eq!(request, "DELETE /api/v1/overrides/endpoint/10.9.9.9:80");
}

#[test]
fn what_weir_does_not_know_is_wrong_usage_with_the_nearest_and_changes_nothing() {
    let server = Server::answering(answers(&[]));
    for (arguments, words) in [
        (&["drain", "10.244.1.8:8080"][..], "did you mean \"10.244.1.7:8080\"?"),
        (&["undrain", "10.244.1.8"], "no Service has the endpoint 10.244.1.8"),
        (&["drain", "node-d"], "did you mean \"node-b\"?"),
        (&["weight", "10.244.1.7:8080", "70000"], "0 to 65535, or default"),
        (&["drain", "10.244.1.7:99999"], "expected an endpoint"),
        (&["kill"], "say which connections"),
        (&["kill", "0-4711", "--older", "1m"], "by its id alone"),
        (&["kill", "svc/wbe"], "did you mean \"web\"?"),
        (&["kill", "4711"], "0-4711"),
    ] {
        let (stdout, stderr, code) = server.run(arguments);
        assert_eq!((&*stdout, code), ("", Some(2)), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
    assert_eq!(changes(&server), [""; 0]);
}

#[test]
fn nothing_to_undo_is_said_with_what_overrides_it_otherwise() {
    let mut answers = answers(&[]);
    let mut endpoints = example("/api/v1/endpoints");
    endpoints["items"][0]["override"] = said("node/node-b", true, None);
    answers.insert("/api/v1/endpoints".into(), (200, endpoints.to_string()));
    let server = Server::answering(answers);
    let shown = server.shown(&["undrain", "10.244.1.7:8080"]);
    assert_eq!(shown, "10.244.1.7:8080 is not drained; but there are overrides of node/node-b\n");
    let json: Value =
        serde_json::from_str(&server.shown(&["undrain", "10.244.1.7:8080", "-o", "json"])).unwrap();
    assert_eq!(json["drain"], false);
    assert_eq!(changes(&server), [""; 0]);
}

#[test]
fn connections_are_ended_by_id_or_by_what_they_have_in_common() {
    let killed = json!({"kind": "Killed", "killed": 4, "connections": 3, "flows": 1});
    let server = Server::with("/api/v1/connections/kill", 200, &killed);
    assert_eq!(server.shown(&["kill", "0-4711"]), "3 connections and 1 UDP flow ended\n");
    server.shown(&["kill", "svc/web:http", "-n", "default", "--client", "10.0.0.0/8", "--older", "10m"]);
    let asked = changes(&server);
    assert_eq!(body(&asked[0]), json!({"id": "0-4711"}));
    assert_eq!(
        body(&asked[1]),
        json!({
            "namespace": "default", "service": "web", "port": "http", "client": "10.0.0.0/8", "endpoint": null,
            "olderSeconds": 600.0,
        })
    );
    let none =
        json!({"kind": "Error", "status": 404, "message": "there is no connection 0-1", "details": {}});
    let (_, stderr, code) = Server::with("/api/v1/connections/kill", 404, &none).run(&["kill", "0-1"]);
    assert_eq!(code, Some(2), "{stderr}");
}
