//! Does `weir status` tell what is wrong first, then everything at a glance?

use crate::server::{Server, example, examples};
use serde_json::{Value, json};

#[test]
fn what_is_wrong_comes_first_then_the_node_and_its_counts() {
    let server = Server::of_examples();
    let shown = server.shown(&["status"]);
    let mut lines = shown.lines();
    assert_eq!(lines.next(), Some("STATE      WHAT                   WHY"));
    assert_eq!(lines.next(), Some("degraded   default/web:http/TCP   1 of 3 endpoints is ejected"));
    for line in [
        "node         node-a, zone zone-1, node mode",
        "weir         0.1.0, pid 4711, up 6h since 2026-11-29T20:30:00.000Z",
        "serving      state 42, the last change 1s ago",
        "API server   answers",
        "Services     2, ports 2 ok, 1 degraded",
        "frontends    4 listening",
        "endpoints    5: 4 ready, 1 ejected",
        "connections  12 of 65536, 0 waiting; opened 3456, failed 3, rejected 0",
        "flows        1 of 65536; opened 10",
        "relayed      1.0MiB to endpoints, 10.0MiB to clients",
        "descriptors  31 of 523208",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "a pipe gets no colours");
}

#[test]
fn nothing_wrong_is_said_and_an_api_server_that_is_away_is_wrong() {
    let mut services = example("/api/v1/services");
    services["items"][0]["state"] = json!("ok");
    let mut answers = examples();
    answers.insert("/api/v1/services".into(), (200, services.to_string()));
    let shown = Server::answering(answers.clone()).shown(&["status"]);
    assert!(shown.starts_with("nothing is wrong\n\nnode "), "{shown}");
    let mut summary = example("/api/v1/summary");
    summary["apiServer"]["state"] = json!("away");
    summary["apiServer"]["awaySince"] = json!("2026-11-30T02:29:00.000Z");
    answers.insert("/api/v1/summary".into(), (200, summary.to_string()));
    let shown = Server::answering(answers).shown(&["status"]);
    let why = "down    API server   it has not answered for 1m: what is served is what was known then\n";
    assert!(shown.contains(why) && shown.contains("API server   away\n"), "{shown}");
}

#[test]
fn a_weir_that_is_ending_starting_or_full_is_wrong_as_a_whole() {
    let mut summary = example("/api/v1/summary");
    summary["draining"] = json!(true);
    summary["ready"] = json!(false);
    summary["connections"]["limit"] = json!(13);
    let server = Server::with("/api/v1/summary", 200, &summary);
    let wrong: Value = serde_json::from_str(&server.shown(&["status", "-o", "json"])).unwrap();
    let what: Vec<&str> =
        wrong["wrong"].as_array().unwrap().iter().map(|wrong| wrong["state"].as_str().unwrap()).collect();
    assert_eq!(what, ["draining", "not-ready", "full", "degraded"]);
    assert_eq!(wrong["summary"], summary);
}

#[test]
fn an_older_weir_that_says_less_and_a_newer_one_with_other_words_are_shown_as_far_as_they_go() {
    let server =
        Server::with("/api/v1/summary", 200, &json!({"kind": "Summary", "version": "9.0.0", "node": 7}));
    let shown = server.shown(&["status"]);
    assert!(shown.contains("weir         9.0.0, pid -, up - since -"), "{shown}");
    assert!(shown.contains("API server   not known\n"), "{shown}");
    let mut services = example("/api/v1/services");
    services["items"][0]["state"] = json!("invented\u{1b}[2J\nok");
    let shown = Server::with("/api/v1/services", 200, &services).shown(&["status"]);
    assert!(shown.contains(r"invented\u{1b}[2J\nok   default/web:http/TCP"), "{shown}");
}
