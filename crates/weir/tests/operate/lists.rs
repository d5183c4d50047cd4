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
