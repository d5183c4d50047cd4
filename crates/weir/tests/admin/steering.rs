//! Does an operator who drains, weighs and kills through the socket get what was asked for, and nobody else?

use crate::common::{WEIR, greeter, greeting, texts, wait_for};
use crate::{
    Bed, bed, client,
    client::{At, Seen, ask, get},
    echo, items,
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
};

fn change(at: &At, line: &str, body: &Value) -> Seen {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    ask(at, line, "Content-Type: application/json\r\n", &body).unwrap()
}

/// What a command prints that is told to ask this weir, and its exit code.
fn weir(bed: &Bed, arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(WEIR);
    command.args(arguments).arg("--socket").arg(bed.weir.admin_socket());
    let output = weir_testkit::output(&mut command, "").unwrap();
    let (stdout, stderr) = texts(&output);
    (stdout, stderr, output.status.code())
}

fn says(client: &mut TcpStream) -> std::io::Result<()> {
    client.write_all(b"x")?;
    client.read_exact(&mut [0])
}

fn endpoint(bed: &Bed, address: SocketAddr) -> Value {
    let list = get(&bed.admin, &format!("/api/v1/endpoints?endpoint={address}"));
    items(&list)[0].clone()
}

#[test]
fn a_drained_endpoint_keeps_its_connection_gets_no_other_and_is_told_as_such() {
    let (echo, other) = (echo(), greeter("other"));
    let bed = bed(&[echo.address()], "");
    let mut held = client(bed.web);
    let drain = json!({"endpoint": echo.address().to_string(), "drain": true});
    let seen = change(&bed.socket, "POST /api/v1/overrides", &drain);
    let said = seen.json();
    assert_eq!(
        (seen.status, &said["applied"], &said["kept"], &said["matches"]),
        (201, &json!(true), &json!(true), &json!(1)),
        "{said}"
    );
    assert!(TcpStream::connect(bed.web).is_err(), "it was the only one, and the kernel refuses");
    bed.weir.write(&crate::common::manifest(bed.web, &[echo.address(), other.address()]));
    wait_for("the other one", || greeting(bed.web).is_ok_and(|name| name == "other"));
    for _ in 0..10 {
        assert_eq!(greeting(bed.web).unwrap(), "other");
    }
    says(&mut held).unwrap();
    let told = endpoint(&bed, echo.address());
    assert_eq!(
        (&told["state"], &told["reason"], &told["weight"]),
        (&json!("draining"), &json!("drained"), &json!(0))
    );
    assert_eq!(
        (&told["override"]["drain"], &told["override"]["id"]),
        (&json!(true), &json!(format!("endpoint/{}", echo.address())))
    );
    assert!(told["override"]["by"].as_str().unwrap().starts_with("uid "), "{told}");
    assert_eq!(get(&bed.admin, "/api/v1/summary")["overrides"], 1);
    let explained = get(&bed.admin, "/api/v1/explain?service=default/web");
    let explained =
        explained["endpoints"].as_array().unwrap().iter().find(|one| one["eligible"] == false).unwrap();
    assert_eq!((&explained["reason"], &explained["override"]["drain"]), (&json!("drained"), &json!(true)));
    let events = get(&bed.admin, "/api/v1/events?type=OverrideSet");
    assert_eq!(items(&events).len(), 1);

    let path = format!("DELETE /api/v1/overrides/endpoint/{}", echo.address());
    assert_eq!(change(&bed.socket, &path, &Value::Null).status, 200);
    assert_eq!(endpoint(&bed, echo.address())["state"], "ready");
    assert_eq!(change(&bed.socket, &path, &Value::Null).status, 404);
}

#[test]
fn only_the_socket_changes_something_and_what_makes_no_sense_is_refused() {
    let echo = echo();
    let bed = bed(&[echo.address()], "");
    let mut held = client(bed.web);
    let address = echo.address().to_string();
    let drain = json!({"endpoint": address, "drain": true});
    for (line, body) in [
        ("POST /api/v1/overrides", &drain),
        ("DELETE /api/v1/overrides/node/n1", &Value::Null),
        ("POST /api/v1/connections/kill", &json!({"service": "web"})),
    ] {
        assert_eq!(change(&bed.admin, line, body).status, 403, "{line}");
    }
    for body in [
        json!({}),
        json!({"endpoint": address}),
        json!({"endpoint": address, "node": "n1", "drain": true}),
        json!({"endpoint": "nowhere", "drain": true}),
        json!({"endpoint": "node/n1", "drain": true}),
        json!({"node": "a b", "drain": true}),
        json!({"endpoint": address, "weight": 70_000}),
        json!({"endpoint": address, "drain": true, "wieght": 5}),
        json!([]),
    ] {
        let seen = change(&bed.socket, "POST /api/v1/overrides", &body);
        assert_eq!((seen.status, &seen.json()["reason"]), (400, &json!("InvalidBody")), "{body}");
    }
    for body in [
        json!({}),
        json!({"id": "x"}),
        json!({"client": "x"}),
        json!({"olderSeconds": -1}),
        json!({"endpoint": "x"}),
    ] {
        assert_eq!(change(&bed.socket, "POST /api/v1/connections/kill", &body).status, 400, "{body}");
    }
    for (line, allow) in [
        ("PUT /api/v1/overrides", "GET, HEAD, POST"),
        ("GET /api/v1/overrides/node/n1", "DELETE"),
        ("GET /api/v1/connections/kill", "POST"),
        ("POST /api/v1/summary", "GET, HEAD"),
    ] {
        let seen = change(&bed.socket, line, &Value::Null);
        assert_eq!((seen.status, &*seen.headers["allow"]), (405, allow), "{line}");
    }
    says(&mut held).unwrap();
    assert_eq!(get(&bed.socket, "/api/v1/overrides")["metadata"]["total"], 0);
}

#[test]
fn commands_drain_weigh_and_kill_at_the_running_weir() {
    let (a, b) = (echo(), echo());
    let bed = bed(&[a.address(), b.address()], "");
    let (at_a, at_b) = (a.address().to_string(), b.address().to_string());
    let (stdout, stderr, code) = weir(&bed, &["drain", &at_a]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("is drained: 1 endpoint of a Service port"), "{stdout}");
    let (_, stderr, code) = weir(&bed, &["weight", &at_b, "7"]);
    assert_eq!((code, &endpoint(&bed, b.address())["weight"]), (Some(0), &json!(7)), "{stderr}");
    let mut clients = [client(bed.web), client(bed.web), client(bed.web)];
    let connections = get(&bed.admin, &format!("/api/v1/connections?endpoint={at_b}"));
    assert_eq!(items(&connections).len(), 3);

    let id = items(&connections)[0]["id"].as_str().unwrap();
    assert_eq!(weir(&bed, &["kill", id]).0, "1 connection ended\n");
    assert_eq!(weir(&bed, &["kill", "svc/web", "--older", "1h"]).0, "0 connections ended\n");
    assert_eq!(weir(&bed, &["kill", "svc/web", "-n", "default"]).0, "2 connections ended\n");
    assert!(clients.iter_mut().all(|client| client.read(&mut [0]).is_err()), "they were reset");
    let killed = || get(&bed.admin, "/api/v1/connections?state=closed&reason=killed");
    wait_for("the reasons", || items(&killed()).len() == 3);
    let (_, stderr, code) = weir(&bed, &["kill", id]);
    assert_eq!(code, Some(2), "{stderr}");

    let (stdout, stderr, code) = weir(&bed, &["undrain", &at_a]);
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(stdout.contains("is as Kubernetes says again"), "{stdout}");
    let (stdout, _, code) = weir(&bed, &["undrain", &at_a]);
    assert_eq!((code, stdout), (Some(0), format!("{at_a} is not drained\n")));
    assert_eq!(weir(&bed, &["weight", &at_b, "default"]).2, Some(0));
    assert_eq!(endpoint(&bed, b.address())["override"], Value::Null);
    let (_, stderr, code) = weir(&bed, &["drain", "127.0.0.2:1"]);
    assert_eq!(code, Some(2), "{stderr}");
}
