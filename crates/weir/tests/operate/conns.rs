//! Does `weir conns` list, filter, page and follow connections, and `weir events` what happened?

use crate::server::{Server, example, examples};
use serde_json::{Value, json};

#[test]
fn a_connection_is_a_line_and_filters_are_asked_of_the_server() {
    let server = Server::of_examples();
    let shown = server.shown(&[
        "conns",
        "svc/web:http",
        "-n",
        "default",
        "--client",
        "10.244.1.0/24",
        "--older",
        "10m",
    ]);
    let expected = "\
CLIENT             SERVICE            ENDPOINT          NODE     STATE   AGE   IDLE   TO ENDPOINT   TO CLIENT
10.244.1.9:43210   default/web:http   10.244.2.3:8080   node-b   open    2m    0s     1.0KiB        64.0KiB
";
    assert_eq!(shown, expected);
    assert_eq!(
        server.asked(),
        [
            "GET /api/v1/connections?namespace=default&service=web&port=http&client=10.244.1.0/24&older=600000ms&state=live&\
          limit=500"
        ]
    );
}

#[test]
fn a_wide_list_takes_a_lease_and_goes_without_where_too_many_have_one() {
    let server = Server::of_examples();
    let shown = server.shown(&["conns", "-o", "wide"]);
    assert!(shown.contains("FRONTEND") && shown.contains("0-4711") && shown.contains("1.2ms"), "{shown}");
    assert!(server.asked()[0].contains("detail=true"), "{:?}", server.asked());
    let refused =
        json!({"kind": "Error", "status": 429, "message": "8 others look at details", "details": {}});
    let server = Server::with("/api/v1/connections", 429, &refused);
    let (_, stderr, code) = server.run(&["conns", "-o", "wide"]);
    assert_eq!((code, server.asked().len()), (Some(1), 2), "{stderr}");
    assert!(!server.asked()[1].contains("detail"), "{:?}", server.asked());
}

#[test]
fn round_trips_and_retransmits_of_both_ways_have_columns_and_programs_get_them_too() {
    let mut list = example("/api/v1/connections");
    let way = |rtt, retransmits| json!({"rttSeconds": rtt, "retransmits": retransmits, "unackedBytes": 0});
    list["items"][0]["detail"] = json!({"client": way(0.0008, 3), "endpoint": way(0.0002, 41)});
    let server = Server::with("/api/v1/connections", 200, &list);
    let shown = server.shown(&["conns", "-o", "wide"]);
    assert!(shown.contains("RTT CLIENT/ENDPOINT") && shown.contains("RETRANSMITS"), "{shown}");
    assert!(shown.contains("0.8ms/0.2ms") && shown.contains("3/41"), "{shown}");
    for format in ["json", "yaml"] {
        let text = server.shown(&["conns", "-o", format]);
        assert!(text.contains("retransmits"), "{text}");
        let asked = server.asked();
        assert!(asked.last().is_some_and(|asked| asked.contains("detail=true")), "{asked:?}");
    }
    list["items"][0]["detail"]["endpoint"] = Value::Null;
    let shown = Server::with("/api/v1/connections", 200, &list).shown(&["conns", "-o", "wide"]);
    assert!(shown.contains("0.8ms/-") && shown.contains("3/-"), "{shown}");
}

#[test]
fn closed_connections_come_with_their_reasons() {
    let mut closed = example("/api/v1/connections");
    let connection = &mut closed["items"][0];
    connection["state"] = json!("closed");
    connection["closedAt"] = json!("2026-11-30T02:29:00.000Z");
    connection["reason"] = json!("endpoint_reset");
    let server = Server::with("/api/v1/connections", 200, &closed);
    let shown = server.shown(&["conns", "--state", "closed", "--reason", "endpoint_reset"]);
    assert!(shown.lines().next().unwrap().ends_with("REASON"), "{shown}");
    assert!(shown.contains("closed   2m") && shown.contains("1m ago   endpoint_reset"), "{shown}");
    assert!(server.asked()[0].contains("state=closed&reason=endpoint_reset"), "{:?}", server.asked());
}

#[test]
fn flows_are_listed_with_their_datagrams() {
    let server = Server::of_examples();
    let shown = server.shown(&["conns", "--udp"]);
    assert!(shown.contains("kube-system/kube-dns:dns") && shown.contains("10.244.2.9:53"), "{shown}");
    assert!(server.asked()[0].starts_with("GET /api/v1/flows?limit="), "{:?}", server.asked());
}

#[test]
fn pages_are_read_up_to_the_limit_and_more_is_said() {
    let mut page = example("/api/v1/connections");
    page["metadata"]["continue"] = json!("next");
    page["metadata"]["matched"] = Value::Null;
    let server = Server::with("/api/v1/connections", 200, &page);
    let (stdout, stderr, code) = server.run(&["conns", "--limit", "1"]);
    assert_eq!((stdout.lines().count(), code), (2, Some(0)));
    assert!(stderr.contains("1 connections are shown, and there are more; --limit shows more"), "{stderr}");
    // A page that continues with itself for ever is not followed for ever.
    let (stdout, _, code) = server.run(&["conns", "--limit", "0"]);
    assert_eq!((stdout.lines().count(), code, server.asked().len()), (3, Some(0), 3));
    assert!(server.asked()[2].contains("continue=next"), "{:?}", server.asked());
}

#[test]
fn pages_are_one_list_in_every_format() {
    let mut page = example("/api/v1/connections");
    let mut answers = examples();
    // Documents for programs have details.
    let queries = ["state=live", "state=live&detail=true"];
    page["items"][0]["id"] = json!("second");
    for query in queries {
        let path = format!("/api/v1/connections?{query}&limit=499&continue=p%262");
        answers.insert(path, (200, page.to_string()));
    }
    page["items"][0]["id"] = json!("first");
    page["metadata"]["continue"] = json!("p&2");
    for query in queries {
        answers.insert(format!("/api/v1/connections?{query}&limit=500"), (200, page.to_string()));
    }
    let server = Server::answering(answers);
    let list: Value = serde_json::from_str(&server.shown(&["conns", "-o", "json"])).unwrap();
    let ids: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!((ids, &list["metadata"]["continue"]), (vec![&json!("first"), &json!("second")], &Value::Null));
    assert_eq!(server.shown(&["conns"]).lines().count(), 3);
}

#[test]
fn following_prints_what_opens_and_closes_with_reasons_until_the_stream_ends() {
    let list = example("/api/v1/connections");
    let mut closed = list["items"][0].clone();
    closed["state"] = json!("closed");
    closed["reason"] = json!("finished");
    let changes = json!({"time": "2026-11-30T02:30:01.000Z", "opened": list["items"], "closed": [closed], "skipped": 7});
    let stream = format!("event: list\ndata: {list}\n\n: alive\n\nevent: changes\ndata: {changes}\n\n");
    let server = Server::with("/api/v1/connections", 200, &stream);
    let (stdout, stderr, code) = server.run(&["conns", "-w"]);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{stdout}");
    assert!(
        lines[0].starts_with("CLIENT") && lines[1].contains("open") && lines[3].contains("finished"),
        "{stdout}"
    );
    assert_eq!(lines[1], lines[2]);
    assert_eq!(lines[4], "... and 7 more, too many to follow");
    assert_eq!(code, Some(1), "the stream has ended: {stderr}");
    assert!(stderr.contains("ask again"), "{stderr}");
    let (json, _, _) = server.run(&["conns", "-w", "-o", "json"]);
    let events: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["event"], &events[1]["data"]), (&json!("list"), &changes));
}

#[test]
fn names_that_weir_does_not_know_are_wrong_usage_with_the_nearest() {
    let nothing = json!({"kind": "ConnectionList", "metadata": {"continue": null}, "items": []});
    let server = Server::with("/api/v1/connections", 200, &nothing);
    for (arguments, said) in [
        (&["conns", "svc/wbe"][..], "there is no Service \"wbe\" (did you mean \"web\"?)"),
        (&["conns", "-n", "defualt"], "did you mean \"default\"?"),
        (&["conns", "default/web:htpp"], "did you mean \"http\"?"),
        (&["conns", "--endpoint", "10.244.1.7:8081"], "did you mean \"10.244.1.7:8080\"?"),
        (&["conns", "--node", "node-c"], "did you mean \"node-b\"?"),
    ] {
        let (stdout, stderr, code) = server.run(arguments);
        assert_eq!((&*stdout, code), ("", Some(2)), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
    let (stdout, _, code) =
        server.run(&["conns", "default/web:80", "--endpoint", "10.244.1.7", "--node", "node-b"]);
    assert_eq!((stdout.lines().count(), code), (1, Some(0)), "a header: nobody is connected");
}

#[test]
fn events_are_listed_and_followed_from_the_last_one() {
    let event = example("/api/v1/events")["items"][0].clone();
    let server = Server::of_examples();
    let shown = server.shown(&["events", "svc/web", "--type", "EndpointEjected"]);
    assert!(
        shown.starts_with("TIME") && shown.contains("warning    EndpointEjected   default/web:http"),
        "{shown}"
    );
    assert!(server.asked()[0].starts_with("GET /api/v1/events?service=web&type=EndpointEjected&limit="));
    // The server answers a list and a stream at the same path, which the fake one cannot: a list is no stream.
    let (stdout, stderr, code) = server.run(&["events", "-w"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stdout.contains("EndpointEjected"), "{stdout}");
    assert!(server.asked().last().unwrap().contains("since=17"), "{:?}", server.asked());
    assert_eq!(event["id"], 17);
}

#[test]
fn an_empty_node_has_empty_lists() {
    let mut answers = examples();
    let empty = json!({"metadata": {"continue": null}, "items": []}).to_string();
    for path in ["/api/v1/connections", "/api/v1/flows", "/api/v1/events", "/api/v1/services"] {
        answers.insert(path.into(), (200, empty.clone()));
    }
    let server = Server::answering(answers);
    for arguments in [&["conns"][..], &["conns", "--udp"], &["events"], &["conns", "-o", "wide"]] {
        assert_eq!(server.shown(arguments).lines().count(), 1, "{arguments:?}");
    }
}
