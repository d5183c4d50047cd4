//! Does `weir explain` without objects ask the running weir, and say so?

use crate::server::{Server, example};
use serde_json::{Value, json};

#[test]
fn the_running_weir_is_asked_about_an_address_and_its_answer_looks_as_that_by_objects() {
    let server = Server::of_examples();
    let (stdout, stderr, code) = server.run(&["explain", "10.96.0.10:80/TCP", "--from", "10.244.1.9"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.starts_with("note: by the weir that runs here ("), "{stderr}");
    let expected = "\
from      10.244.1.9 (pod)
to        10.96.0.10:80/TCP
service   default/web, port http
kind      cluster-ip
policy    internalTrafficPolicy Cluster
balance   least-connections
state     degraded, frontend listening
verdict   ACCEPT: 2 endpoints are eligible; 1 is ejected

ENDPOINT          NODE     ZONE     ELIGIBLE   SOURCE   STATE   NEXT PICK   CONNECTIONS   WEIGHT
10.244.2.3:8080   node-b   zone-1   yes        kept     ready   50.0 %      12            100
";
    assert_eq!(stdout, expected);
    assert_eq!(server.asked(), ["GET /api/v1/explain?to=10.96.0.10:80/TCP&from=10.244.1.9"]);
    // The older way to say it.
    server.shown(&["explain", "--to", "10.96.0.10:80/TCP"]);
    assert_eq!(server.asked()[1], "GET /api/v1/explain?to=10.96.0.10:80/TCP");
}

#[test]
fn a_service_is_looked_up_where_it_was_named_without_a_namespace() {
    let server = Server::of_examples();
    server.shown(&["explain", "svc/web:http"]);
    assert_eq!(
        server.asked(),
        ["GET /api/v1/services?service=web&limit=1000", "GET /api/v1/explain?service=default/web:http"]
    );
    server.shown(&["explain", "svc/web:http", "-n", "shop"]);
    assert_eq!(server.asked()[2], "GET /api/v1/explain?service=shop/web:http");
    let mut two = example("/api/v1/services");
    let mut other = two["items"][0].clone();
    other["namespace"] = json!("shop");
    two["items"].as_array_mut().unwrap().push(other);
    let (_, stderr, code) = Server::with("/api/v1/services", 200, &two).run(&["explain", "svc/web"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("say which, with -n (there are default, shop)"), "{stderr}");
}

#[test]
fn of_a_service_with_several_ports_all_are_explained() {
    let mut service = example("/api/v1/services/default/web");
    service["ports"] = json!([{ "port": "http" }, { "port": "metrics" }]);
    let server = Server::with("/api/v1/services/default/web", 200, &service);
    let page = server.shown(&["explain", "svc/web", "-n", "default"]);
    assert_eq!(page.matches("verdict   ACCEPT").count(), 2, "{page}");
    let asked = server.asked();
    let ports = ["http", "metrics"].map(|port| format!("GET /api/v1/explain?service=default/web:{port}"));
    assert_eq!(asked[asked.len() - 2..], ports);
    let json = server.shown(&["explain", "svc/web", "-n", "default", "-o", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["kind"], json["items"].as_array().unwrap().len()), (&json!("ExplanationList"), 2));
}

#[test]
fn programs_get_the_answer_as_it_came() {
    let server = Server::of_examples();
    let json: Value = serde_json::from_str(&server.shown(&["explain", "svc/web", "-o", "json"])).unwrap();
    assert_eq!(json, example("/api/v1/explain"));
    let yaml: Value = serde_saphyr::from_str(&server.shown(&["explain", "svc/web", "-o", "yaml"])).unwrap();
    assert_eq!(json, yaml);
}

#[test]
fn flags_that_mean_nothing_there_are_wrong_usage_that_says_where_they_do() {
    let server = Server::of_examples();
    for (arguments, said) in [
        (&["explain", "svc/web", "--cluster-cidr", "10.0.0.0/8"][..], "--cluster-cidr is for objects"),
        (&["explain", "svc/web", "--node-name", "a"], "--node-name is for objects"),
        (&["explain", "svc/web", "--node-addresses", "10.0.0.1"], "--node-addresses is for objects"),
        (&["explain", "svc/web", "--manifests", "x"], "--socket is for the running weir"),
        (&["explain"], "svc/NAME"),
        (&["explain", "web"], "did you mean svc/web?"),
        (&["explain", "10.96.0.10:80"], "10.96.0.10:80/TCP"),
        (&["explain", "a/web", "-n", "b"], "--namespace says \"b\""),
        (&["explain", "10.96.0.10:80/TCP", "-n", "b"], "--namespace is that of a Service"),
    ] {
        let (stdout, stderr, code) = server.run(arguments);
        assert_eq!((&*stdout, code), ("", Some(2)), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
    assert!(server.asked().is_empty());
}

#[test]
fn what_the_running_weir_does_not_know_is_wrong_usage_with_its_nearest() {
    let refused = json!({"kind": "Error", "status": 404, "reason": "NotFound", "message": "no Service default/wbe",
        "details": {"nearest": "default/web"}});
    let server = Server::with("/api/v1/explain", 404, &refused);
    let (_, stderr, code) = server.run(&["explain", "default/wbe"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("no Service default/wbe (did you mean \"default/web\"?)"), "{stderr}");
}
