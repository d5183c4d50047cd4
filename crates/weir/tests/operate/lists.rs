//! Do `weir services` and `weir endpoints` show which are well and why others are not?

use crate::server::{Server, example};
use serde_json::json;

#[test]
fn a_service_port_is_a_line_with_its_state_and_why() {
    let server = Server::of_examples();
    let shown = server.shown(&["services", "-n", "default", "--sort", "state"]);
    let expected = "\
NAMESPACE   SERVICE   PORT   PROTOCOL   ADDRESS         STATE      READY   CONNECTIONS   OPENED   WHY
default     web       http   TCP        10.96.0.10:80   degraded   2/3     12            3456     1 of 3 endpoints is ejected
";
    assert_eq!(shown, expected);
    assert_eq!(server.asked(), ["GET /api/v1/services?namespace=default&sort=state&limit=500"]);
    let wide = server.shown(&["services", "-o", "wide"]);
    assert!(wide.contains("30080") && wide.contains("Cluster/Cluster") && wide.contains("10.0MiB"), "{wide}");
    let of_attempts =
        ["RETRIED", "HEDGED", "EJECTIONS", "CONNECT P50/P99"].map(|head| wide.find(head).unwrap());
    let line = wide.lines().nth(1).unwrap();
    let told = of_attempts.map(|at| line[at..].split_whitespace().next().unwrap());
    assert_eq!(told, ["3", "0", "1", "0.2ms/2.9ms"], "{wide}");
    assert!(line.contains("degraded   20s "), "{wide}");
}

#[test]
fn services_are_chosen_by_their_labels_as_by_kubectl() {
    let server = Server::of_examples();
    for command in ["services", "endpoints", "conns"] {
        server.shown(&[command, "-l", " app=web,tier in (a, b),!legacy "]);
    }
    server.shown(&["conns", "--udp", "--selector", "app"]);
    let asked = server.asked();
    let selector = "labelSelector=app%3Dweb,tier%20in%20%28a,%20b%29,%21legacy";
    let routes = ["services", "endpoints", "connections"];
    for (route, asked) in routes.iter().zip(&asked) {
        assert!(asked.starts_with(&format!("GET /api/v1/{route}?{selector}&")), "{asked}");
    }
    assert!(asked[3].starts_with("GET /api/v1/flows?labelSelector=app&"), "{asked:?}");
    let (_, stderr, code) = server.run(&["endpoints", "-l", "app=web,tier in a"]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("at character 17: there must be values in parentheses"), "{stderr}");
    assert_eq!(server.asked().len(), 4, "what is no selector is not asked for");
}

#[test]
fn labels_that_no_service_has_are_noted() {
    let nothing = json!({"metadata": {"continue": null}, "items": []});
    for (command, path) in [
        ("services", "services"),
        ("endpoints", "endpoints"),
        ("conns", "connections"),
        ("conns", "services"),
    ] {
        let mut answers = crate::server::examples();
        answers.insert(format!("/api/v1/{path}"), (200, nothing.to_string()));
        answers.insert(
            "/api/v1/services?labelSelector=app%3Dwbe&limit=1".to_owned(),
            (200, nothing.to_string()),
        );
        let (_, stderr, code) = Server::answering(answers).run(&[command, "-l", "app=wbe"]);
        assert_eq!(code, Some(0), "{stderr}");
        let is_empty = path != "services" || command == "services";
        assert_eq!(
            stderr == "note: weir serves no Service with the labels app=wbe\n",
            is_empty,
            "{stderr:?}"
        );
    }
}

#[test]
fn an_endpoint_that_is_out_says_why_and_until_when() {
    let server = Server::of_examples();
    let shown = server.shown(&["endpoints", "svc/web", "--state", "ejected"]);
    let mut lines = shown.lines();
    let columns =
        ["SERVICE", "ENDPOINT", "NODE", "STATE", "SINCE", "CONNECTIONS", "PICKED", "FAILURES", "WHY"];
    assert_eq!(lines.next().unwrap().split_whitespace().collect::<Vec<_>>(), columns);
    let line = lines.next().unwrap();
    assert!(line.starts_with("default/web:http   10.244.1.7:8080   node-b   ejected   20s     0 "), "{line}");
    assert!(
        line.ends_with("3 connects in a row failed (refused); the next is tried at 2026-11-30T02:30:02.000Z")
    );
    assert!(
        server.asked()[0].starts_with("GET /api/v1/endpoints?service=web&state=ejected&sort=name&limit=")
    );
    let wide = server.shown(&["endpoints", "-o", "wide"]);
    assert!(wide.contains("0.4ms/2.1ms"), "{wide}");
    assert!(server.asked()[1].contains("detail=true"), "{:?}", server.asked());
}

#[test]
fn what_an_operator_has_asked_for_and_a_last_resort_are_said() {
    let mut endpoints = example("/api/v1/endpoints");
    let endpoint = &mut endpoints["items"][0];
    endpoint["message"] = json!(null);
    endpoint["reason"] = json!("override");
    endpoint["lastResort"] = json!(true);
    endpoint["override"] = json!({"drain": true, "by": "uid 0, pid 4711"});
    let shown = Server::with("/api/v1/endpoints", 200, &endpoints).shown(&["endpoints"]);
    assert!(
        shown.contains("override; used all the same: too few others are left; override by uid 0, pid 4711"),
        "{shown}"
    );
}

#[test]
fn a_misspelt_name_is_wrong_usage_with_the_nearest() {
    let nothing = json!({"metadata": {"continue": null}, "items": []});
    let server = Server::with("/api/v1/endpoints", 200, &nothing);
    let (_, stderr, code) = server.run(&["endpoints", "default/wbe"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("did you mean \"web\"?"), "{stderr}");
}
